"""From the API's pages to typed tables, and the record of what was read."""
