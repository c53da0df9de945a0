"""What tests share: the command line as a process, a simulated shop, tables to look into."""
