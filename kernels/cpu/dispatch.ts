/** One work item of a call: the way from a kernel's number to its function. */
import { columnSumBlocks, columnSumFinish } from "./column_sum";
import { KernelId } from "./kernel_id";

/**
 * @param args address of the call's arguments, 32-bit words
 * @param item which of the call's items
 */
export function dispatch(kernel: u32, args: usize, item: u32): void {
  switch (kernel) {
    case KernelId.columnSumBlocks:
      return columnSumBlocks(args, item);
    case KernelId.columnSumFinish:
      return columnSumFinish(args, item);
    default:
      unreachable();
  }
}
