"""What a DKIM signature covers."""

from django.test import SimpleTestCase

from anymail.aws_account.doctor.probe.dkim import covers_one_click, signed_headers

FOLDED = (
    "v=1; a=rsa-sha256; q=dns/txt; c=relaxed/simple; s=abc; d=example.com; t=1700000000;\r\n"
    "\th=From:To:Subject:List-Unsubscribe:List-Unsubscribe-Post : MIME-Version;\r\n"
    "\tbh=h=notheaders=; b=abc"
)


class DkimTests(SimpleTestCase):
    def test_names_are_folded_and_in_any_case(self):
        self.assertEqual(
            signed_headers(FOLDED),
            {"from", "to", "subject", "list-unsubscribe", "list-unsubscribe-post", "mime-version"},
        )

    def test_one_signature_has_to_cover_both_headers(self):
        self.assertTrue(covers_one_click(["h=from", FOLDED]))
        self.assertFalse(covers_one_click(["h=list-unsubscribe", "h=list-unsubscribe-post"]))
        self.assertFalse(covers_one_click(["", "nonsense"]))
