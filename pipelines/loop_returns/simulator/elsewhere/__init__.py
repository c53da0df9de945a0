"""The same truth as other systems have it: Shopify, Stripe, the warehouse, carrier and ERP, as CSV exports.

truth.Return -> shopify.py, goods.py (all agree) -> plants.py, traps.py (what is bent) -> files.py

Written from the truth alone: nothing of the code that reads these files is used.
"""
