"""The tables' side: marts, publishing, comments."""
