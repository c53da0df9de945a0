"""What DuckDB, Postgres and Spark say in different words, where SQLMesh's transpiling leaves one wrong.

A model calls these instead; it is written once, in DuckDB's dialect. The gateway's name is the engine's.
"""

from sqlglot import exp, parse_one
from sqlmesh import macro
from sqlmesh.core.macros import MacroEvaluator


def is_postgres(evaluator: MacroEvaluator) -> bool:
    """Whether the model is rendered for Postgres."""
    return evaluator.gateway == "postgres"


def is_spark(evaluator: MacroEvaluator) -> bool:
    """Whether the model is rendered for Spark, where JSON is text and a session's time zone is UTC."""
    return evaluator.gateway == "spark"


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
    if is_spark(evaluator):
        length = exp.Anonymous(this="json_array_length", expressions=[json])
        return exp.Case(ifs=[exp.If(this=_is_known(json.copy()), true=_is_known(length))])
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
    if is_spark(evaluator):
        fields = exp.Anonymous(this="from_json", expressions=[json, exp.Literal.string("map<string,string>")])
        return exp.Anonymous(this="try_element_at", expressions=[fields, name])
    path = exp.func("concat", exp.Literal.string('$."'), name, exp.Literal.string('"'), dialect="duckdb")
    return exp.Anonymous(this="json_extract_string", expressions=[json, path])


@macro()
def each_json_key(evaluator: MacroEvaluator, json: exp.Expression) -> exp.Expression:
    """A row for each key of a JSON object."""
    if is_postgres(evaluator):
        return exp.Anonymous(this="json_object_keys", expressions=[json])
    if is_spark(evaluator):
        return exp.Explode(this=exp.Anonymous(this="json_object_keys", expressions=[json]))
    return exp.Unnest(expressions=[exp.Anonymous(this="json_keys", expressions=[json])])


@macro()
def series(evaluator: MacroEvaluator, *bounds: exp.Expression) -> exp.Expression:
    """A row for each value from the first to the last, both among them: `@series(first, last[, step])`."""
    if is_spark(evaluator):  # a column of its own; from a greater to a smaller one Spark would count down
        values = exp.Anonymous(this="sequence", expressions=list(bounds))
        goes_up = exp.GTE(this=bounds[1].copy(), expression=bounds[0].copy())
        return exp.Explode(this=exp.Case(ifs=[exp.If(this=goes_up, true=values)]))
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
    if is_spark(evaluator):
        return f"cast(percentile(cast({value.sql('duckdb')} as double), {share.sql()}) as decimal(24, 6))"
    return f"cast(quantile_cont(cast({value.sql('duckdb')} as double), {share.sql()}) as decimal(24, 6))"


@macro()
def sha256_text(evaluator: MacroEvaluator, text: exp.Expression) -> exp.Expression:
    """SHA-256 of a text, in 64 hexadecimal digits."""
    if is_spark(evaluator):
        return exp.Anonymous(this="sha2", expressions=[text, exp.Literal.number(256)])
    if not is_postgres(evaluator):
        return exp.Anonymous(this="sha256", expressions=[text])
    data = exp.Anonymous(this="convert_to", expressions=[text, exp.Literal.string("UTF8")])
    digest = exp.cast(exp.Anonymous(this="sha256", expressions=[data]), "text")  # `\\x` and the digits
    return exp.Substring(this=digest, start=exp.Literal.number(3))


@macro()
def as_json(evaluator: MacroEvaluator, text: exp.Expression) -> exp.Expression:
    """A text as JSON; JSON as it is."""
    return text if is_spark(evaluator) else exp.cast(text, "json")


@macro()
def seconds_between(evaluator: MacroEvaluator, start: exp.Expression, end: exp.Expression) -> exp.Expression:
    """Seconds from one instant to another, with their fraction; negative when `end` lies before."""
    if not is_spark(evaluator):
        gone = exp.Paren(this=exp.Sub(this=end, expression=start))
        return exp.Extract(this=exp.var("epoch"), expression=gone)
    micros = [
        exp.Anonymous(this="unix_micros", expressions=[exp.cast(at, "timestamptz")]) for at in (end, start)
    ]
    gone = exp.Paren(this=exp.Sub(this=micros[0], expression=micros[1]))
    return exp.Paren(this=exp.Div(this=exp.cast(gone, "double"), expression=exp.Literal.number(1000000)))


@macro()
def days_between(evaluator: MacroEvaluator, start: exp.Expression, end: exp.Expression) -> exp.Expression:
    """Days from one date to another; negative when `end` lies before."""
    if is_spark(evaluator):
        return exp.DateDiff(this=end, expression=start, unit=exp.var("day"))
    return exp.Paren(this=exp.Sub(this=end, expression=start))


@macro()
def earliest(evaluator: MacroEvaluator, value: exp.Expression, at: exp.Expression) -> exp.Expression:
    """Of a group's values the one of the earliest instant, of several the least."""
    first, instant = value.sql("duckdb"), at.sql("duckdb")
    if is_spark(evaluator):  # a struct is less by its first field that is; an instant that is null is last
        rank = f"named_struct('no', {instant} is null, 'at', {instant}, 'value', {first})"
        return exp.Anonymous(this="min_by", expressions=[value, parse_one(rank, dialect="spark")])
    return parse_one(f"(array_agg({first} order by {instant}, {first}))[1]", dialect="duckdb")


@macro()
def instant_text(evaluator: MacroEvaluator, instant: exp.Expression) -> exp.Expression:
    """An instant as DuckDB and Postgres write it: `2015-01-31 09:30:00+00`."""
    text = exp.cast(instant, "text")
    if not is_spark(evaluator):
        return text
    return exp.DPipe(this=text, expression=exp.Literal.string("+00"), safe=True)


def _is_known(value: exp.Expression) -> exp.Expression:
    return exp.Not(this=exp.Is(this=value, expression=exp.Null()))


def _wrapped(json: exp.Expression) -> exp.Expression:
    return exp.Anonymous(this="json_build_array", expressions=[json])
