"""Tests of the API client, against a scripted server of their own."""
