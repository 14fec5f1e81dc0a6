/** Replaces a line of the requirements in a `%%kusto_image` cell. */
import { isImageCell } from './cellText';

/** The part of a cell's shared model that is used. Its changes can be undone. */
export interface ICellText {
  getSource(): string;
  updateSource(start: number, end: number, value?: string): void;
}

/**
 * Return whether the cell still has a line of the requirements that were checked; lines are counted from 1. The user
 * may have changed the cell since.
 */
export function hasLine(cell: ICellText, requirements: string, line: number): boolean {
  return findLine(cell, requirements, line) !== null;
}

/** Replace a line of the requirements, unless the user has changed it since they were checked. */
export function replaceLine(cell: ICellText, requirements: string, line: number, text: string): void {
  const found = findLine(cell, requirements, line);
  if (found) {
    cell.updateSource(found.start, found.end, text);
  }
}

function findLine(cell: ICellText, requirements: string, line: number): { start: number; end: number } | null {
  const source = cell.getSource();
  const [magic = '', ...body] = source.split('\n');
  const checked = requirements.split('\n')[line - 1]?.trim();
  const current = body[line - 1];
  if (!isImageCell(source) || !checked || current?.trim() !== checked) {
    return null;
  }
  const start = [magic, ...body.slice(0, line - 1)].join('\n').length + 1;
  return { start, end: start + current.length };
}
