"""What Loop's API is, and how it is read: transport, windows, envelopes, fields."""
