/** The most threads that a CPU device takes. */
export const MAX_THREADS = 256;
