"""What other systems know of the same returns: read from files or tables into `ext`, checked."""
