"""Rows of ``anymail.outbox`` and ``anymail.feedback``, made inside of a database server.

They are as an application has them after a year: mails to one address each, of which each has five,
and a part of them also to ``team@example.com``; events of every type, tags, and a few retries.
"""

from __future__ import annotations

import time
from hashlib import md5
from typing import Any

#: How many mails one INSERT is about.
CHUNK = 500_000

#: The oldest hundredth is of a mailer that is not used any more. Of each thousand, 800 are a batch.
ENTRY = """
    INSERT INTO anymail_outbox_entry (id, state, priority, not_before, worker, attempt,
        sent_again_after, failures, deaths, is_split, posted_at, done_at, mailer, lane, on_doubt,
        fingerprint, recipients_count, refused_count, doubled_count, bounced_count,
        complained_count, batch_id, subject, content, error_code, error, scope, created_at)
    SELECT {id}, {state}, CASE WHEN n % 5000 = 0 THEN 77 WHEN n % 3 = 0 THEN 50 ELSE 0 END,
        {created}, '', CASE WHEN n % 5 = 0 AND n % 50 > 1 THEN 0 ELSE 1 END, 0, 0, 0, false,
        CASE WHEN n % 50 < 2 THEN NULL ELSE {created} END,
        CASE WHEN n % 50 < 2 THEN NULL ELSE {created} END,
        CASE WHEN n > {size} - {size} / 100 THEN 'old' WHEN n % 10 = 0 THEN 'bulk' ELSE 'ses' END,
        'example.com', 'hold', '', CASE WHEN n % {team} = 0 THEN 2 ELSE 1 END, 0,
        CASE WHEN n % 2500 = 7 THEN 1 ELSE 0 END, CASE WHEN n % 50 = 3 THEN 1 ELSE 0 END,
        CASE WHEN n % 1000 = 4 THEN 1 ELSE 0 END,
        CASE WHEN n % 5 = 0 THEN NULL ELSE {number_of_batch} END, concat('Your receipt ', n),
        CASE WHEN n % 50 < 2 AND n <= 100000 THEN '{content}' END, '', '', '', {created}
    FROM {numbers}
    """
BATCH = """
    INSERT INTO anymail_outbox_batch (id, name, name_digest, state, reason, {by}, mailer, lane,
        priority, subject, content, fingerprint, created_at, stored_at, counted_at, chunks,
        recipients_count, repeated, invalid, sent, failed, in_doubt, expired, cancelled, bounced,
        complained, forgiven_sent, forgiven_bounced, forgiven_complained)
    SELECT {number_of_batch}, concat('news/', n), concat('news/', n),
        CASE WHEN n < 3000 THEN 'running' WHEN n % 9000 = 0 THEN 'cancelled' ELSE 'done' END, '',
        '', 'ses', 'example.com', -50, concat('News ', n),
        CASE WHEN n < 100000 THEN repeat('x', 20000) END, '', {stored_first}, {created}, {created},
        800, 1600, 0, 0, 1500, 1, 0, 0, 0, 1, 0, 0, 0, 0
    FROM {numbers} WHERE n % 1000 = 1
    """
RECIPIENT = """
    INSERT INTO anymail_outbox_recipient (entry_id, kind, address, address_key, message_id,
        second_message_id, status, error_code, event)
    SELECT {id}, 'to', {address}, {address}, {message_id}, '', 'queued', '',
        CASE WHEN n % 50 = 3 THEN 'bounced' WHEN n % 1000 = 4 THEN 'complained' ELSE '' END
    FROM {numbers}
    UNION ALL
    SELECT {id}, 'cc', 'team@example.com', 'team@example.com', {message_id}, '', 'queued', '', ''
    FROM {numbers} WHERE n % {team} = 0
    """
#: Each fourth mail was opened twice, and clicked.
EVENT = """
    INSERT INTO anymail_outbox_event (message_id, {key}, event_id, event_type, address, address_key,
        recipient_uncertain, occurred_at, created_at, document)
    SELECT {message_id}, md5(concat(n, '-', kinds.kind, who)), {uuid}, kinds.event_type, who, who,
        false, {created}, {created},
        '{{"eventType": "Event", "event": {{"ipAddress": "192.0.2.1"}}}}'
    FROM (SELECT n, {address} AS who FROM {numbers} WHERE n % 4 = 0
        UNION ALL SELECT n, 'team@example.com' FROM {numbers}
        WHERE n % 4 = 0 AND n % {team} = 0) AS recipients
    CROSS JOIN (SELECT 0 AS kind, 'sent' AS event_type UNION ALL SELECT 1, 'opened'
        UNION ALL SELECT 2, 'opened' UNION ALL SELECT 3, 'clicked') AS kinds
    """
STEP = """
    INSERT INTO anymail_outbox_step (entry_id, kind, at, attempt, error_code, text, {by})
    SELECT {id}, 'put_off', {created}, 1, 'Throttling', 'Maximum sending rate exceeded.', ''
    FROM {numbers} WHERE n % 1000 = 5
    """
#: Half of the mails have one of a few, one in a hundred has one that is all its own.
TAG = """
    INSERT INTO anymail_outbox_entrytag (entry_id, tag)
    SELECT {id}, CASE WHEN n % 20 = 0 THEN 'welcome' WHEN n % 5000 = 78 THEN 'rare'
        ELSE 'receipt' END
    FROM {numbers} WHERE n % 2 = 0
    UNION ALL SELECT {id}, concat('order-', n) FROM {numbers} WHERE n % 100 = 0
    UNION ALL SELECT {id}, 'old' FROM {numbers} WHERE n > {size} - {size} / 1000
    """
FEEDBACK = """created_at, modified_at, sns_topic, sns_messageid, mail_timestamp, mail_id, mail_from,
        address, address_key, recipient_uncertain, event"""
VALUES = """{created}, {created}, 'arn:aws:sns:eu-west-1:1:t', {uuid}, {created}, {message_id},
        'shop@example.com', who, who, false"""
DELIVERY = f"""
    INSERT INTO anymail_feedback_delivery ({FEEDBACK}, delivered_time, processing_time,
        smtp_response)
    SELECT {VALUES},
        '{{{{"eventType": "Delivery", "delivery": {{{{"processingTimeMillis": 1200}}}}}}}}',
        {{created}}, 1200, '250 2.6.0 Message received'
    FROM (SELECT n, {{address}} AS who FROM {{numbers}} WHERE n % 50 NOT IN (0, 1, 3)
        UNION ALL SELECT n, 'team@example.com' FROM {{numbers}}
        WHERE n % 50 NOT IN (0, 1, 3) AND n % {{team}} = 0) AS recipients
    """
BOUNCE = f"""
    INSERT INTO anymail_feedback_bounce ({FEEDBACK}, feedback_id, hard, bounce_type, bounce_subtype,
        reporting_mta, action, status, diagnostic_code)
    SELECT {VALUES}, '{{{{"eventType": "Bounce"}}}}', {{uuid}}, n % 250 = 3,
        CASE WHEN n % 250 = 3 THEN 'Permanent' ELSE 'Transient' END, 'General', 'dns; mx.example',
        'failed', '5.1.1', 'smtp; 550 5.1.1 user unknown'
    FROM (SELECT n, {{address}} AS who FROM {{numbers}} WHERE n % 50 = 3) AS recipients
    """
COMPLAINT = f"""
    INSERT INTO anymail_feedback_complaint ({FEEDBACK}, feedback_id, feedback_type)
    SELECT {VALUES}, '{{{{"eventType": "Complaint"}}}}', {{uuid}}, 'abuse'
    FROM (SELECT n, {{address}} AS who FROM {{numbers}} WHERE n % 1000 = 4) AS recipients
    """
DELAY = """
    INSERT INTO anymail_feedback_mailevent (created_at, sns_topic, sns_messageid, mail_timestamp,
        mail_id, mail_from, address, address_key, recipient_uncertain, event, event_type,
        occurred_at, description, reject_reason, mta_response)
    SELECT {created}, 'arn:aws:sns:eu-west-1:1:t', {uuid}, {created}, {message_id},
        'shop@example.com', {address}, {address}, false, '{{"eventType": "DeliveryDelay"}}',
        'deferred', {created}, 'MailboxFull', '', '450 4.2.2 mailbox full'
    FROM {numbers} WHERE n % 200 = 5
    """
SUPPRESSION = """
    INSERT INTO anymail_feedback_suppression (address, reason, event_id, created_at, note)
    SELECT address_key, 'hard_bounce', min(sns_messageid), min(created_at), ''
    FROM anymail_feedback_bounce WHERE hard GROUP BY address_key
    UNION ALL SELECT address_key, 'complaint', min(sns_messageid), min(created_at), ''
    FROM anymail_feedback_complaint GROUP BY address_key
    """
DAILY_COUNT = """
    INSERT INTO anymail_outbox_dailycount (day, kind, count)
    SELECT {day}, kinds.kind, 20000 FROM {days} CROSS JOIN (SELECT 'sent' AS kind
        UNION ALL SELECT 'delivered' UNION ALL SELECT 'bounced' UNION ALL SELECT 'complained')
        AS kinds
    """
TABLES = {
    "anymail_outbox_batch": BATCH,
    "anymail_outbox_entry": ENTRY,
    "anymail_outbox_recipient": RECIPIENT,
    "anymail_outbox_event": EVENT,
    "anymail_outbox_step": STEP,
    "anymail_outbox_entrytag": TAG,
    "anymail_feedback_delivery": DELIVERY,
    "anymail_feedback_bounce": BOUNCE,
    "anymail_feedback_complaint": COMPLAINT,
    "anymail_feedback_mailevent": DELAY,
}
STATE = """CASE WHEN n % 50 < 2 THEN 'waiting' WHEN n % 1000 = 2 THEN 'failed'
    WHEN n % 10000 = 3 THEN 'in_doubt' ELSE 'sent' END"""
#: The newest has the number 1.
DIALECTS = {
    "postgres": {
        "id": "concat(lpad(to_hex({size} - n), 12, '0'), '70008000', "
        "lpad(to_hex(n), 12, '0'))::uuid",
        "created": "now() - n::float8 / {size} * interval '365 days'",
        "stored_first": "now() - (n + 1000)::float8 / {size} * interval '365 days'",
        "number_of_batch": "1 + (n - 1) / 1000",
        "by": '"by"',
        "key": "key",
        "numbers": "generate_series({last}, {first}, -1) AS n",
        "address": "concat('user', n % {people}, '@example', n % {people} % 97, '.com')",
        "message_id": "concat('0102', lpad(({size} - n)::text, 12, '0'), '-', "
        "left(md5(n::text), 16))",
        "uuid": "gen_random_uuid()::text",
        "day": "(now() - n * interval '1 day')::date",
        "days": "generate_series(1, 365) AS n",
    },
    "mariadb": {
        "id": "concat(lpad(hex({size} - n), 12, '0'), '70008000', lpad(hex(n), 12, '0'))",
        "created": "now(6) - INTERVAL floor(31536000.0 * n / {size}) SECOND",
        "stored_first": "now(6) - INTERVAL floor(31536000.0 * (n + 1000) / {size}) SECOND",
        "number_of_batch": "1 + (n - 1) DIV 1000",
        "by": "`by`",
        "key": "`key`",
        "numbers": "(SELECT seq AS n FROM seq_{last}_to_{first}) AS numbers",
        "address": "concat('user', n % {people}, '@example', n % {people} % 97, '.com')",
        "message_id": "concat('0102', lpad({size} - n, 12, '0'), '-', left(md5(n), 16))",
        "uuid": "uuid()",
        "day": "date(now() - INTERVAL n DAY)",
        "days": "(SELECT seq AS n FROM seq_1_to_365) AS numbers",
    },
}


def address(size: int, number: int) -> str:
    """The recipient of a mail."""
    person = number % (size // 5)
    return f"user{person}@example{person % 97}.com"


def message_id(size: int, number: int) -> str:
    """SES's message id of a mail."""
    return f"0102{size - number:012}-{md5(str(number).encode()).hexdigest()[:16]}"


def load(db: str, connection: Any, size: int) -> None:
    """Make the rows of ``size`` mails, oldest first; the indexes come at the end."""
    with connection.cursor() as cursor:
        restore = INDEXES_OFF[db](cursor)
        for table, sql in TABLES.items():
            started = time.perf_counter()
            for last in range(size, 0, -CHUNK):
                cursor.execute(sql.format(**words(db, size, last)))
            restore(cursor, table)
            print(f"{size:>10,} {table}: {time.perf_counter() - started:.0f} s", flush=True)
        cursor.execute(SUPPRESSION)
        cursor.execute(DAILY_COUNT.format(**words(db, size, size)))
        tables = ", ".join([*TABLES, "anymail_feedback_suppression", "anymail_outbox_dailycount"])
        cursor.execute(f"{'VACUUM ANALYZE' if db == 'postgres' else 'ANALYZE TABLE'} {tables}")
        if db == "mariadb":
            cursor.fetchall()


def words(db: str, size: int, last: int) -> dict[str, str]:
    """What the statements leave open, for the mails up to a number."""
    numbers = {
        "size": size,
        "people": size // 5,
        "team": 3 if size <= 100_000 else 30,
        "last": last,
        "first": max(1, last - CHUNK + 1),
    }
    found = {name: text.format(**numbers) for name, text in DIALECTS[db].items()}
    found |= {name: str(number) for name, number in numbers.items()}
    return {**found, "state": STATE, "content": frozen()}


def frozen() -> str:
    """The content of a mail."""
    from django.core.mail import EmailMessage

    from anymail.outbox.freezing import freeze

    mail = EmailMessage("Your receipt", "Hello", None, ["ann@example.com"])
    return freeze(mail).as_json(()).replace("\\", "\\\\")


def _postgres_indexes_off(cursor: Any) -> Any:
    """Drop them; what is returned makes those of a table again."""
    cursor.execute("SET session_replication_role = replica")  # no look-ups of foreign keys
    cursor.execute("SET maintenance_work_mem = '1GB'")
    cursor.execute("SET max_parallel_maintenance_workers = 0")
    cursor.execute("SET synchronous_commit = off")
    found: dict[str, list[str]] = {}
    for table in reversed(TABLES):  # what refers to others first
        cursor.execute(f"ALTER TABLE {table} SET UNLOGGED")
        cursor.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            f"WHERE conrelid = '{table}'::regclass AND contype = 'u'"
        )
        constraints = cursor.fetchall()
        for name, definition in constraints:
            found.setdefault(table, []).append(
                f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'
            )
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        cursor.execute(
            "SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index "
            f"WHERE indrelid = '{table}'::regclass AND NOT indisprimary"
        )
        for name, definition in cursor.fetchall():
            found.setdefault(table, []).append(definition)
            cursor.execute(f"DROP INDEX {name}")

    def restore(cursor: Any, table: str) -> None:
        for statement in found.get(table, []):
            cursor.execute(statement)
        cursor.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")

    return restore


def _mariadb_indexes_off(cursor: Any) -> Any:
    """Drop them, but for those of foreign keys; what is returned makes those of a table again."""
    for name in ("foreign_key_checks", "unique_checks"):
        cursor.execute(f"SET {name} = 0")
    found: dict[str, list[str]] = {}
    for table in TABLES:
        cursor.execute(f"SHOW CREATE TABLE {table}")
        lines = [line.strip().rstrip(",") for line in cursor.fetchone()[1].splitlines()]
        keys = [line for line in lines if line.startswith(("KEY ", "UNIQUE KEY "))]
        keys = [line for line in keys if "_fk" not in line]
        found[table] = keys
        drops = [f"DROP KEY {line.partition('KEY ')[2].split(' ')[0]}" for line in keys]
        if drops:
            cursor.execute(f"ALTER TABLE {table} {', '.join(drops)}")

    def restore(cursor: Any, table: str) -> None:
        if found[table]:
            added = ", ".join(f"ADD {line}" for line in found[table])
            cursor.execute(f"ALTER TABLE {table} {added}")

    return restore


INDEXES_OFF = {"postgres": _postgres_indexes_off, "mariadb": _mariadb_indexes_off}
