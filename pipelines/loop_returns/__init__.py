"""loop-returns: pull Loop Returns completely, reconcile it with SQL, prove both, and act on it."""
