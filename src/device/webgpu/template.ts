/**
 * WGSL templates, expanded when a Program is compiled so that shapes are constants and inner loops are unrolled (naga gives
 * every loop a counter and no unroll hint). Directives stand alone on a line:
 *
 *     //% for i in 0..TILE      repeats the lines up to its `//% end` with i = 0 … TILE − 1
 *     //% if FLAG               keeps the lines up to `//% else` or `//% end` where FLAG is neither 0 nor false
 *     //% if !FLAG
 *     {{expression}}            anywhere in a line: names, whole numbers, + - * / % (of whole numbers, as in WGSL) and ( )
 */

/** Values of a template's names. Numbers that are not whole and strings may be inserted but not computed with. */
export type TemplateValues = Readonly<Record<string, number | string | boolean>>;

type Value = number | string | boolean;

interface Block {
  lines: (string | Loop | Condition)[];
}
interface Loop extends Block {
  variable: string;
  from: string;
  to: string;
}
interface Condition extends Block {
  test: string;
  otherwise: Block;
}

const parsed = new Map<string, Block>();

/**
 * Expands a template.
 * @throws {Error} for an unknown name or an unclosed directive: a mistake in the kernel, not of the user.
 */
export function expandTemplate(template: string, values: TemplateValues): string {
  let block = parsed.get(template);
  if (!block) parsed.set(template, block = parse(template));
  const out: string[] = [];
  emit(block, new Map(Object.entries(values)), out);
  return out.join("\n");
}

function parse(template: string): Block {
  const root: Block = { lines: [] };
  const open: { target: Block; node: Loop | Condition | null }[] = [{ target: root, node: null }];
  for (const line of template.split("\n")) {
    const directive = /^\s*\/\/%\s*(.*?)\s*$/.exec(line)?.[1];
    const top = open[open.length - 1];
    if (directive === undefined) {
      top.target.lines.push(line);
    } else if (directive === "end") {
      if (open.length === 1) throw new Error("template: end without for or if");
      open.pop();
    } else if (directive === "else") {
      if (!top.node || !("test" in top.node)) throw new Error("template: else without if");
      top.target = top.node.otherwise;
    } else {
      const loop = /^for (\w+) in (.+)\.\.(.+)$/.exec(directive);
      const test = /^if (!?\w+)$/.exec(directive)?.[1];
      if (!loop && test === undefined) throw new Error(`template: unknown directive ${directive}`);
      const node: Loop | Condition = loop
        ? { variable: loop[1], from: loop[2], to: loop[3], lines: [] }
        : { test: test ?? "", lines: [], otherwise: { lines: [] } };
      top.target.lines.push(node);
      open.push({ target: node, node });
    }
  }
  if (open.length > 1) throw new Error("template: for or if without end");
  return root;
}

function emit(block: Block, scope: Map<string, Value>, out: string[]): void {
  for (const line of block.lines) {
    if (typeof line === "string") {
      out.push(line.includes("{{") ? line.replace(/\{\{(.+?)\}\}/g, (_, text) => String(evaluate(text, scope))) : line);
    } else if ("variable" in line) {
      const to = Number(evaluate(line.to, scope));
      for (let i = Number(evaluate(line.from, scope)); i < to; i++) {
        emit(line, new Map(scope).set(line.variable, i), out);
      }
    } else {
      const negated = line.test.startsWith("!");
      const value = lookUp(negated ? line.test.slice(1) : line.test, scope);
      const holds = (value !== 0 && value !== false) !== negated;
      emit(holds ? line : line.otherwise, scope, out);
    }
  }
}

function lookUp(name: string, scope: Map<string, Value>): Value {
  const value = scope.get(name);
  if (value === undefined) throw new Error(`template: unknown name ${name}`);
  return value;
}

function evaluate(text: string, scope: Map<string, Value>): Value {
  const tokens = text.match(/\w+|[-+*/%()]/g) ?? [];
  let at = 0;
  const factor = (): Value => {
    const token = tokens[at++];
    if (token === "(") {
      const inner = sum();
      at++;
      return inner;
    }
    return /^\d+$/.test(token) ? Number(token) : lookUp(token, scope);
  };
  const product = (): Value => {
    let value = factor();
    while (tokens[at] === "*" || tokens[at] === "/" || tokens[at] === "%") {
      const operator = tokens[at++];
      const [left, right] = [Number(value), Number(factor())];
      value = operator === "*" ? left * right : operator === "/" ? Math.trunc(left / right) : left % right;
    }
    return value;
  };
  const sum = (): Value => {
    let value = product();
    while (tokens[at] === "+" || tokens[at] === "-") {
      value = tokens[at++] === "+" ? Number(value) + Number(product()) : Number(value) - Number(product());
    }
    return value;
  };
  return sum();
}
