"""Python text as the syntax trees that the golden runner reads (tests/golden/README.md)."""
import ast

BINARY = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|",
}
UNARY = {ast.USub: "-", ast.Not: "not", ast.Invert: "~"}
COMPARE = {
    ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!=",
}


def statements(code):
    return [_statement(s, code) for s in ast.parse(code).body]


def _statement(node, code):
    tree = lambda x: _expression(x, code)
    match node:
        case ast.Expr(value):
            return {"expr": tree(value)}
        case ast.Assign([target], value):
            return {"assign": tree(target), "value": tree(value)}
        case ast.AugAssign(target, op, value):
            return {"update": BINARY[type(op)], "target": tree(target), "value": tree(value)}
        case ast.With(items, body):
            inner = [_statement(s, code) for s in body]
            return {"with": [tree(item.context_expr) for item in items], "body": inner}
    raise ValueError(ast.dump(node))


def _expression(node, code):
    tree = lambda x: _expression(x, code)
    many = lambda nodes: [tree(x) for x in nodes]
    match node:
        case ast.Constant(bool() as value):
            return {"bool": value}
        case ast.Constant(None):
            return {"none": True}
        case ast.Constant(str() as value):
            return {"str": value}
        case ast.Constant(value) if value is ...:
            return {"ellipsis": True}
        case ast.Constant(int()):
            return {"int": ast.get_source_segment(code, node)}
        case ast.Constant(float()):
            return {"float": ast.get_source_segment(code, node)}
        case ast.Name(name):
            return {"name": name}
        case ast.Attribute(of, name):
            return {"attr": name, "of": tree(of)}
        case ast.Call(function, args, keywords):
            named = {k.arg: tree(k.value) for k in keywords}
            return {"call": tree(function), "args": many(args), "kwargs": named}
        case ast.Tuple(items):
            return {"tuple": many(items)}
        case ast.List(items):
            return {"list": many(items)}
        case ast.UnaryOp(op, x):
            return {"unary": UNARY[type(op)], "x": tree(x)}
        case ast.BinOp(x, op, y):
            return {"binary": BINARY[type(op)], "x": tree(x), "y": tree(y)}
        case ast.Compare(x, [op], [y]):
            return {"compare": COMPARE[type(op)], "x": tree(x), "y": tree(y)}
        case ast.Subscript(of, by):
            return {"index": tree(of), "by": tree(by)}
        case ast.Slice(lower, upper, step):
            return {"slice": [None if x is None else tree(x) for x in (lower, upper, step)]}
        case ast.Starred(value):
            return {"star": tree(value)}
        case ast.Lambda(args, body):
            return {"lambda": [a.arg for a in args.args], "body": tree(body)}
    raise ValueError(ast.dump(node))
