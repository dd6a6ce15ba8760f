"""The book as text that other programs load: hledger, beancount, CSV and Parquet (docs/export.md).

`names` says how accounts are called there, `files` which file is written by what. Nothing here lists kinds of
entries or codes of accounts: what the journal has is written.
"""
