/** A table of a command as a notebook stores it. `kusto_magic/display/data_table.py` writes it. */
import { isObject, readObjects, readTexts, textReader } from '../model/json';
import { type Outcome, readOutcome } from '../model/outcomes';

export const TABLE_MIME_TYPE = 'application/vnd.kusto-image.table+json';

/** The version of the format. The writer increments it for changes that older readers cannot read. */
const VERSION = 1;

const KINDS = ['text', 'state', 'time', 'count', 'code', 'change'] as const;

export type CellKind = (typeof KINDS)[number];

export interface ITableCell {
  /** What the cell shows; one that this version does not know is shown as text. */
  readonly kind: CellKind;
  readonly text: string;
  /** How the operation of a state ended, null while it is in progress. */
  readonly outcome: Outcome | null;
  /** The time of a cell as ISO 8601, "" if it has none. */
  readonly at: string;
}

export interface ITable {
  readonly caption: string;
  /** The heads of the columns; without them, each row is a label and a value. */
  readonly head: readonly string[];
  readonly rows: ReadonlyArray<readonly ITableCell[]>;
  /** What is shown instead of a table without rows. */
  readonly empty: string;
  readonly notes: readonly string[];
}

/** Return the table, null if the data is not one or has an unknown version. Members of a wrong type count as absent. */
export function readTable(data: unknown): ITable | null {
  if (!isObject(data) || data.version !== VERSION) {
    return null;
  }
  const text = textReader(data);
  return {
    caption: text('caption'),
    head: readTexts(data.head),
    rows: Array.isArray(data.rows) ? data.rows.map(row => readObjects(row).map(readCell)) : [],
    empty: text('empty'),
    notes: readTexts(data.notes)
  };
}

/** Return whether all cells of a column are numbers, which are aligned to the right. */
export function isNumeric({ rows }: ITable, column: number): boolean {
  return rows.length > 0 && rows.every(row => row[column]?.kind === 'count');
}

function readCell(data: Record<string, unknown>): ITableCell {
  const text = textReader(data);
  const kind = KINDS.find(known => known === data.kind) ?? 'text';
  return { kind, text: text('text'), outcome: readOutcome(data.outcome), at: text('at') };
}
