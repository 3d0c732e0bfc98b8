/** One thing that a file says, and whether it is so; `detail` is what was compared. */
export type Statement = { what: string; holds: boolean; detail: string };
