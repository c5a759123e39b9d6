/** Takes from an asynchronous source what is there without waiting for more. */

/** Iterators whose next value has been asked for but has not come yet. */
const pending = new WeakMap<AsyncIterator<unknown>, Promise<IteratorResult<unknown>>>();

/** The first value, waited for, and up to `most − 1` more that arrive within a few milliseconds. Empty at the end. */
export async function takeReady<T>(source: AsyncIterator<T>, most: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < most) {
    const next = (pending.get(source) as Promise<IteratorResult<T>> | undefined) ?? source.next();
    pending.set(source, next);
    const result = taken.length === 0 ? await next : await Promise.race([next, soon()]);
    if (result === null) break;
    pending.delete(source);
    if (result.done) break;
    taken.push(result.value);
  }
  return taken;
}

function soon(): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), 5));
}
