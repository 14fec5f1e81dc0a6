/** The result of the check of requirements. `kusto_magic/preflight/report_json.py` writes it. */
import { type HintKind, type IHint } from './hints';
import { isObject, readNumber, readObjects, readTexts, textReader } from './json';

export interface IPlan {
  readonly verdict: string;
  readonly python: string;
  readonly platform: string;
  readonly reason: string;
  /** A sentence for each line, if several cannot be installed. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly fixes: ReadonlyArray<IFix>;
  readonly suggestions: readonly string[];
  /** What allows a more complete check, null if there is nothing. */
  readonly hint: IHint | null;
  readonly packages: readonly IPlannedPackage[];
  /** The requirements with all fixes, null if none are known to work together. */
  readonly correction: ICorrection | null;
  /** The managed base image, and where the list of its packages comes from, "" for plain Python. */
  readonly baseList: string;
  /** The lock of what was found, null if there is none. */
  readonly lock: ILock | null;
}

export interface ILock {
  /** What determines the image: "sha256:" and 64 digits. */
  readonly digest: string;
  /** The date after which releases were ignored, "" if there is none. */
  readonly excludeNewer: string;
}

/** A suggestion that replaces a line of the requirements, counted from 1. */
export interface IFix {
  readonly line: number;
  readonly text: string;
  readonly sentence: string;
}

/** A whole text to use instead. `kusto_magic/requirements/correction.py` writes it. */
export interface ICorrection {
  readonly text: string;
  readonly changes: ReadonlyArray<ILineChange>;
  /** Whether nothing is left that is known to be wrong. */
  readonly isComplete: boolean;
  /** Whether it can be installed according to the check. */
  readonly isChecked: boolean;
}

/** A changed line, counted from 1; `after` is "" if it was deleted. */
export interface ILineChange {
  readonly line: number;
  readonly before: string;
  readonly after: string;
  readonly reason: string;
  /** Whether `after` is only a comment: what the line asks for is not in the corrected text. */
  readonly isLeftOut: boolean;
}

export interface IPlannedPackage {
  readonly name: string;
  readonly version: string;
  readonly status: string;
  /** The version in the base image, "" if it has none. */
  readonly was: string;
  /** The size of the download, 0 if it is not known. */
  readonly bytes: number;
}

/** Return the plan, null if the data is not one. */
export function readPlan(data: unknown): IPlan | null {
  if (!isObject(data)) {
    return null;
  }
  const text = textReader(data);
  return {
    verdict: text('verdict'),
    reason: text('reason'),
    python: text('python'),
    platform: text('checkedFor'),
    problems: readTexts(data.problems),
    warnings: readTexts(data.warnings),
    fixes: readObjects(data.fixes).map(readFix),
    suggestions: readTexts(data.suggestions),
    hint: readHint(data.hint),
    packages: readObjects(data.packages).map(readPackage),
    correction: readCorrection(data.correction),
    baseList: text('baseList'),
    lock: readLock(data.lock)
  };
}

function readLock(data: unknown): ILock | null {
  if (!isObject(data)) {
    return null;
  }
  const text = textReader(data);
  return { digest: text('digest'), excludeNewer: text('excludeNewer') };
}

function readFix(data: Record<string, unknown>): IFix {
  const text = textReader(data);
  return { line: readNumber(data.line), text: text('text'), sentence: text('sentence') };
}

function readPackage(data: Record<string, unknown>): IPlannedPackage {
  const text = textReader(data);
  return {
    name: text('name'),
    version: text('version'),
    status: text('status'),
    was: text('was'),
    bytes: readNumber(data.bytes)
  };
}

/** Return the correction if it has more than one change; for a single one, its alternatives are shown. */
export function wholeCorrection(plan: IPlan | null): ICorrection | null {
  const correction = plan?.correction ?? null;
  return correction && correction.changes.length > 1 ? correction : null;
}

/** Return the correction, null if the data is not one. */
export function readCorrection(data: unknown): ICorrection | null {
  if (!isObject(data) || typeof data.text !== 'string') {
    return null;
  }
  // As it is: what is put into the cell must be what was checked.
  return {
    text: data.text,
    changes: readObjects(data.changes).map(readChange),
    isComplete: data.complete !== false,
    isChecked: data.checked !== false
  };
}

function readChange(data: Record<string, unknown>): ILineChange {
  const text = textReader(data);
  return {
    line: readNumber(data.line),
    before: text('before'),
    after: text('after'),
    reason: text('reason'),
    isLeftOut: data.leftOut === true
  };
}

/** Return the hint, null if the data is not one. Its kind may be one that this version does not know. */
export function readHint(data: unknown): IHint | null {
  if (!isObject(data) || typeof data.kind !== 'string') {
    return null;
  }
  const kind = data.kind as HintKind;
  return { kind, name: textReader(data)('name'), values: readTexts(data.values), then: readHint(data.then) };
}
