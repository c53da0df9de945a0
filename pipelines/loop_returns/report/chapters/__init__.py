"""The chapters of the finance report: figures -> sentences and tables, one module each."""
