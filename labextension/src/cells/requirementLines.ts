/** Replaces a line of the requirements in a `%%kusto_image` cell. */
import { isCorrected } from '../model/correctLines';
import { fixLine } from '../model/fixLine';
import type { ICorrection } from '../model/plan';
import { isImageCell } from './cellText';

/** The part of a cell's shared model that is used. Its changes can be undone. */
export interface ICellText {
  getSource(): string;
  updateSource(start: number, end: number, value?: string): void;
}

/** Return whether a fix can replace a line of the requirements that were checked; lines are counted from 1. */
export function canFixLine(cell: ICellText, requirements: string, line: number): boolean {
  return findFix(cell, requirements, line, '') !== null;
}

/** Put a fix in place of a line, unless the user has changed the line since the requirements were checked. */
export function applyFix(cell: ICellText, requirements: string, line: number, fix: string): void {
  const found = findFix(cell, requirements, line, fix);
  if (found) {
    cell.updateSource(found.start, found.end, found.text);
  }
}

/** Return whether a cell has the requirements that were corrected, and nothing that was typed since. */
export function canCorrect(cell: ICellText, correction: ICorrection): boolean {
  const body = bodyStart(cell);
  return body !== null && isCorrected(cell.getSource().slice(body), correction);
}

/** Put corrected requirements into a cell, unless it has been changed since. */
export function correctCell(cell: ICellText, correction: ICorrection): void {
  const body = bodyStart(cell);
  if (body !== null && canCorrect(cell, correction)) {
    cell.updateSource(body, cell.getSource().length, correction.text.replace(/\n$/, ''));
  }
}

/** Return where the requirements begin, null if they cannot be replaced. */
function bodyStart(cell: ICellText): number | null {
  const source = cell.getSource();
  const end = source.indexOf('\n');
  // The editor has no \r: positions in the model and in the editor would differ.
  return end < 0 || !isImageCell(source) || source.includes('\r') ? null : end + 1;
}

interface IChange {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function findFix(cell: ICellText, requirements: string, line: number, fix: string): IChange | null {
  const source = cell.getSource();
  const [magic = '', ...body] = source.split('\n');
  const current = body[line - 1];
  const text = fixLine(current, requirements.split('\n')[line - 1], fix);
  // The editor has no \r: positions in the model and in the editor would differ.
  if (text === null || current === undefined || !isImageCell(source) || source.includes('\r')) {
    return null;
  }
  const start = [magic, ...body.slice(0, line - 1)].join('\n').length + 1;
  return { start, end: start + current.length, text };
}
