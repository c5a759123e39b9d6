/** What is said of damaged data where it stops the work. */
import type { FormatError, UserError } from "../errors.ts";

/** The error, with a hint how to go on without what is damaged, if it has none of its own. */
export function stopping<E extends FormatError | UserError>(error: E): E {
  // An error comes by once for each container that the damage is in.
  if (!error.message.includes("\nHINT: ")) {
    error.message += "\nHINT: --on_error skip leaves out what is damaged, and says so";
  }
  return error;
}
