"""Takes over messages that wait in the tables of other packages, which need not be installed.

Each message goes through the same code as ``message.send()``, in one transaction with what keeps
the old package from sending it.
"""
