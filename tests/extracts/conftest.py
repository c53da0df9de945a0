"""The merchant of `merchant.py`, for every test here."""

from tests.extracts.merchant import merchant as merchant
