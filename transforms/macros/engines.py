"""What DuckDB and Postgres say in different words, where SQLMesh's transpiling leaves one of them wrong.

A model calls these instead; it is written once, in DuckDB's dialect. The gateway's name is the engine's.
"""

from sqlglot import exp
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


def is_postgres(evaluator: MacroEvaluator) -> bool:
    """Whether the model is rendered for Postgres."""
    return evaluator.gateway == "postgres"


@macro()
def json_scalar(evaluator: MacroEvaluator, json: exp.Expression) -> exp.Expression:
    """The text of a JSON value that is itself a string or a number."""
    if is_postgres(evaluator):
        return exp.Anonymous(
            this="json_extract_path_text", expressions=[_wrapped(json), exp.Literal.string("0")]
        )
    return exp.Anonymous(this="json_extract_string", expressions=[json, exp.Literal.string("$")])


@macro()
def is_json_array(evaluator: MacroEvaluator, json: exp.Expression) -> exp.Expression:
    """Whether a JSON value is an array; null when there is none."""
    name, array = ("json_typeof", "array") if is_postgres(evaluator) else ("json_type", "ARRAY")
    return exp.EQ(this=exp.Anonymous(this=name, expressions=[json]), expression=exp.Literal.string(array))


@macro()
def json_element(evaluator: MacroEvaluator, json: exp.Expression, number: exp.Expression) -> exp.Expression:
    """An element of a JSON array, counted from 1."""
    place = exp.cast(exp.Paren(this=exp.Sub(this=number, expression=exp.Literal.number(1))), "text")
    if is_postgres(evaluator):
        return exp.Anonymous(this="json_extract_path", expressions=[json, place])
    path = exp.func("concat", exp.Literal.string("$["), place, exp.Literal.string("]"), dialect="duckdb")
    return exp.Anonymous(this="json_extract", expressions=[json, path])


@macro()
def json_field(evaluator: MacroEvaluator, json: exp.Expression, name: exp.Expression) -> exp.Expression:
    """The text of the field of this name, whatever signs are in the name."""
    if is_postgres(evaluator):
        return exp.Anonymous(this="json_extract_path_text", expressions=[json, name])
    path = exp.func("concat", exp.Literal.string('$."'), name, exp.Literal.string('"'), dialect="duckdb")
    return exp.Anonymous(this="json_extract_string", expressions=[json, path])


@macro()
def each_json_key(evaluator: MacroEvaluator, json: exp.Expression) -> exp.Expression:
    """A row for each key of a JSON object."""
    if is_postgres(evaluator):
        return exp.Anonymous(this="json_object_keys", expressions=[json])
    return exp.Unnest(expressions=[exp.Anonymous(this="json_keys", expressions=[json])])


@macro()
def series(evaluator: MacroEvaluator, *bounds: exp.Expression) -> exp.Expression:
    """A row for each value from the first to the last, both among them: `@series(first, last[, step])`."""
    values = exp.Anonymous(this="generate_series", expressions=list(bounds))
    return values if is_postgres(evaluator) else exp.Unnest(expressions=[values])


@macro()
def parsed(evaluator: MacroEvaluator, text: exp.Expression, of: exp.Expression) -> exp.Expression:
    """A text as a value of a type; null where it is none."""
    wanted = exp.DataType.build(of.sql("duckdb"), dialect="duckdb")
    if not is_postgres(evaluator):
        return exp.TryCast(this=text, to=wanted)
    name = exp.Literal.string(wanted.sql("postgres").lower())
    is_valid = exp.Anonymous(this="pg_input_is_valid", expressions=[text.copy(), name])
    value = exp.Cast(this=exp.cast(text, "text"), to=wanted)  # of a literal Postgres would be sure too soon
    return exp.Cast(this=exp.Case(ifs=[exp.If(this=is_valid, true=value)]), to=wanted)  # a case has no scale


@macro()
def percentile(evaluator: MacroEvaluator, value: exp.Expression, share: exp.Expression) -> str:
    """A percentile between two values, to six decimals: beyond them the engines' doubles differ."""
    return f"cast(quantile_cont(cast({value.sql('duckdb')} as double), {share.sql()}) as decimal(24, 6))"


@macro()
def sha256_text(evaluator: MacroEvaluator, text: exp.Expression) -> exp.Expression:
    """SHA-256 of a text, in 64 hexadecimal digits."""
    if not is_postgres(evaluator):
        return exp.Anonymous(this="sha256", expressions=[text])
    data = exp.Anonymous(this="convert_to", expressions=[text, exp.Literal.string("UTF8")])
    digest = exp.cast(exp.Anonymous(this="sha256", expressions=[data]), "text")  # `\\x` and the digits
    return exp.Substring(this=digest, start=exp.Literal.number(3))


def _wrapped(json: exp.Expression) -> exp.Expression:
    return exp.Anonymous(this="json_build_array", expressions=[json])
