"""Hearing from Loop: the receiver, and the inbox that it writes and a run reads."""
