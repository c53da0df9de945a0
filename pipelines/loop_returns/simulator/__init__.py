"""A strict, seeded stand-in for Loop's API: for `demo`, for `simulate`, and for the tests.

world.build_world() makes the hidden truth, app.Simulator serves it over HTTP with the switches and
faults asked for.
"""
