/** Token and position embedding on WebGPU; tables above the binding limit go in ranges of rows. */
import source from "../../../kernels/webgpu/embedding.wgsl" with { type: "text" };
import type { Binding, Dispatch, Kernel } from "./kernel.ts";
import { grid, type Range, rowRanges, slice } from "./partition.ts";
import { expandTemplate } from "./template.ts";

/** Which ranges of the tables a dispatch adds, and whether its token range is the last. */
interface Stage {
  readonly label: string;
  readonly tokens?: { readonly range: Range; readonly last: boolean };
  readonly positions?: Range;
}

export const embedding: Kernel<"embedding"> = {
  dispatches({ tokens, start, wte, wpe, out }, adapter) {
    const sequence = tokens.shape[1];
    const [rows, columns] = out.shape;
    const size = columns % 4 === 0 ? 4 : 1;
    const [positionCount] = wpe.shape;
    const tables = { wte: { tensor: wte, perRow: columns }, wpe: { tensor: wpe, perRow: columns } };
    const perRow = [{ tensor: out, perRow: columns }, { tensor: tokens, perRow: 1 }];

    const tokenRanges = rowRanges(wte.shape[0], [tables.wte], adapter);
    const positionRanges = rowRanges(positionCount, [tables.wpe], adapter);
    const whole = positionRanges.length === 1;
    const stages: Stage[] = tokenRanges.map((range, i) => ({
      label: "embedding",
      tokens: { range, last: i === tokenRanges.length - 1 },
      ...(whole ? { positions: positionRanges[0] } : {}),
    }));
    if (!whole) { for (const positions of positionRanges) stages.push({ label: "embedding.positions", positions }); }

    return rowRanges(rows, perRow, adapter).flatMap((range) =>
      stages.map((stage): Dispatch => {
        const [y, ids] = perRow.map((operand) => slice(operand, range));
        const bindings: Binding[] = [y.binding];
        const bind = (binding: Binding) => bindings.push(binding) - 1;
        const values: Record<string, number | string | boolean> = {
          VECTOR: size === 4 ? "vec4f" : "f32",
          WIDTH: columns / size,
          ROWS: range.count,
          OUT_SKIP: y.skip / size,
          TOKENS: stage.tokens !== undefined,
          LAST: stage.tokens?.last ?? false,
          POSITIONS: stage.positions !== undefined,
          STARTS: start !== undefined,
        };
        if (stage.tokens) {
          const table = slice(tables.wte, stage.tokens.range);
          values.TOKENS_BINDING = bind(ids.binding);
          values.WTE_BINDING = bind(table.binding);
          values.TOKENS_SKIP = ids.skip;
          values.WTE_SKIP = table.skip / size;
          values.FIRST_TOKEN = stage.tokens.range.first;
          values.TOKEN_COUNT = stage.tokens.range.count;
        }
        if (stage.positions) {
          const table = slice(tables.wpe, stage.positions);
          values.WPE_BINDING = bind(table.binding);
          if (start) values.START_BINDING = bind({ of: start });
          values.WPE_SKIP = table.skip / size;
          values.FIRST_ROW = range.first;
          values.SEQUENCE = sequence;
          values.POSITION_COUNT = positionCount;
          values.FIRST_POSITION = stage.positions.first;
          values.PLACES = stage.positions.count;
        }
        return {
          label: stage.label,
          source: expandTemplate(source, values),
          bindings,
          workgroups: grid(range.count, adapter),
        };
      })
    );
  },
};
