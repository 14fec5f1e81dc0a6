/** The state of the form for a new image, kept outside of the page's elements: closing the sidebar loses nothing. */
import type { TranslationBundle } from '@jupyterlab/translation';
import { Debouncer } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { IBuild, IDraftParts } from '../api/api';
import { isCorrected } from '../model/correctLines';
import { fixLine } from '../model/fixLine';
import type { ICorrection, IFix, IPlan } from '../model/plan';
import type { IInputProblem } from '../api/requestAPI';
import { hintText, withHint } from '../model/hints';
import type { IImageDraft, IImagesModel } from '../tokens';
import { errorHint, errorText, fieldOf, fieldOfHint, type FormField } from './formErrors';
import { imageKey, listImages } from './rows';
import { type IFormValues, initialValues, NO_BASE, toSpec } from './formValues';

/** Milliseconds after the last key before the fields are checked. */
const CHECK_DELAY = 300;

/** Something that is wrong with a field; `line` counts from 1, null is the whole field. */
export interface IFieldError {
  readonly line: number | null;
  readonly text: string;
}

/** The check of the requirements against the base image. */
export type CheckState =
  | { readonly kind: 'none' }
  | { readonly kind: 'running'; readonly startedAt: number }
  | { readonly kind: 'done'; readonly plan: IPlan };

type ErrorList = ReadonlyArray<IFieldError>;

export class FormSession {
  constructor(
    private readonly _model: IImagesModel,
    private readonly _trans: TranslationBundle,
    draft: IImageDraft
  ) {
    this._values = initialValues(draft, _model.clusters);
    this._initial = this._values;
    _model.changed.connect(() => this._followBuild(), this);
    void this._validation.invoke();
  }

  get values(): IFormValues {
    return this._values;
  }

  get check(): CheckState {
    return this._check;
  }

  /** The build that was started here and that the service has not accepted yet. */
  get build(): IBuild | null {
    return this._build;
  }

  get isSending(): boolean {
    return this._isSending || this._build !== null;
  }

  /** Whether closing the form loses nothing that was typed. */
  get isUntouched(): boolean {
    return Object.entries(this._initial).every(([key, value]) => this._values[key as keyof IFormValues] === value);
  }

  /** Emitted when anything has changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Emitted when the service has accepted the request. */
  get accepted(): ISignal<this, IBuild> {
    return this._accepted;
  }

  /** Return whether the line that was checked is still there. */
  canApply(fix: IFix): boolean {
    return this._fixedLine(fix) !== null;
  }

  /** Return whether the requirements are those that were corrected. */
  canApplyAll(correction: ICorrection): boolean {
    return isCorrected(this._values.requirements, correction);
  }

  /** Put corrected requirements in place of those that were checked. */
  applyAll(correction: ICorrection): void {
    if (this.canApplyAll(correction)) {
      this.set('requirements', correction.text);
    }
  }

  /** Put a fix in place of its line of the requirements. */
  apply(fix: IFix): void {
    const fixed = this._fixedLine(fix);
    const lines = this._values.requirements.split('\n');
    if (fixed !== null) {
      this.set('requirements', lines.map((it, index) => (index === fix.line - 1 ? fixed : it)).join('\n'));
    }
  }

  /** Return what is wrong with a field, or with the whole form. */
  errors(field: FormField): ErrorList {
    return [...(this._problems.get(field) ?? []), ...(this._failures.get(field) ?? [])];
  }

  /** Return the first field that is wrong, null if there is none. */
  get firstInvalid(): FormField | null {
    return (['cluster', 'name', 'base', 'python', 'requirements'] as const).find(it => this.errors(it).length) ?? null;
  }

  /** The image that has the name that is typed, "" if there is none; null while the images are not known. */
  get replaced(): string | null {
    const { loaded, problem } = this._model.images(this._values.cluster);
    const key = imageKey(this._values.name.trim());
    const custom = listImages(this._model, this._values.cluster).filter(({ isCustom }) => isCustom);
    const found = custom.find(({ image }) => imageKey(image.name) === key);
    return loaded && !problem ? (found?.image.name ?? '') : null;
  }

  set(key: keyof IFormValues, value: string): void {
    this._values = { ...this._values, [key]: value };
    this._failures.delete(key);
    this._failures.delete('form');
    if (key === 'base') {
      this._failures.delete('python');
      this._problems.delete('python');
    }
    if (key !== 'name') {
      this.cancelCheck();
      this._check = { kind: 'none' };
    }
    this._changed.emit();
    void this._validation.invoke();
  }

  /** Check that the requirements install on the base image; nothing is built. */
  async runCheck(): Promise<void> {
    this.cancelCheck();
    const request = (this._checkRequest = new AbortController());
    this._failures.clear();
    this._check = { kind: 'running', startedAt: Date.now() };
    this._changed.emit();
    try {
      this._checkedText = this._values.requirements;
      const plan = await this._model.requests.checkImage(this._values.cluster, toSpec(this._values), request.signal);
      this._finishCheck(request, { kind: 'done', plan });
    } catch (error) {
      if (this._finishCheck(request, { kind: 'none' })) {
        this._setFailure(error);
      }
    }
  }

  cancelCheck(): void {
    this._checkRequest?.abort();
    this._checkRequest = null;
    if (this._check.kind === 'running') {
      this._check = { kind: 'none' };
      this._changed.emit();
    }
  }

  /** Start the build; the fields stay as they are. With `allowActive`, it may replace the image that queries use. */
  async create(allowActive: boolean): Promise<void> {
    this._failures.clear();
    if (!this._values.name.trim()) {
      this._failures.set('name', [{ line: null, text: this._trans.__('Enter a name.') }]);
      this._changed.emit();
      return;
    }
    this._isSending = true;
    this._changed.emit();
    await this._validate(); // what was typed last may not have been checked yet
    if (this.firstInvalid) {
      this._isSending = false;
      this._changed.emit();
      return;
    }
    try {
      const spec = toSpec(this._values);
      const { cluster, name } = this._values;
      this._build = await this._model.createImage(cluster, name.trim(), allowActive ? { ...spec, allowActive } : spec);
      this._model.formBuild = this._build.card.id;
    } catch (error) {
      this._setFailure(error);
    }
    this._isSending = false;
    this._followBuild(); // it may have ended already
    this._changed.emit();
  }

  dispose(): void {
    this.cancelCheck();
    this._model.formBuild = '';
    this._validation.dispose();
    Signal.clearData(this);
  }

  private _fixedLine({ line, text }: IFix): string | null {
    const [current, checked] = [this._values.requirements, this._checkedText].map(it => it.split('\n')[line - 1]);
    return fixLine(current, checked, text);
  }

  /** Store the result of a check unless it was canceled meanwhile; return whether it was stored. */
  private _finishCheck(request: AbortController, result: CheckState): boolean {
    if (this._checkRequest !== request) {
      return false;
    }
    this._check = result;
    this._changed.emit();
    return true;
  }

  /** Validate what is typed; responses that arrive late are ignored. */
  private async _validate(): Promise<void> {
    const checked = this._values;
    let problems: ReadonlyArray<IInputProblem> = [];
    try {
      problems = await this._model.requests.checkDraft(this._parts());
    } catch {
      // Without a response the form stays usable: the server checks again when the image is created.
    }
    if (checked === this._values) {
      this._problems = this._byField(problems);
      this._changed.emit();
    }
  }

  /** Return what has to be checked: an empty field is not wrong before the form is sent. */
  private _parts(): IDraftParts {
    const { name, base, python, requirements } = this._values;
    return {
      ...(name.trim() ? { name: name.trim(), exists: Boolean(this.replaced) } : {}),
      ...(base === NO_BASE ? { python } : { base }),
      ...(requirements.trim() ? { requirements } : {})
    };
  }

  private _byField(problems: ReadonlyArray<IInputProblem>): Map<FormField, IFieldError[]> {
    const found = new Map<FormField, IFieldError[]>();
    for (const { field, line, message, hint } of problems) {
      const errors = found.get(fieldOf(field)) ?? [];
      found.set(fieldOf(field), [...errors, { line, text: withHint(message, hint, this._trans) }]);
    }
    return found;
  }

  private _setFailure(error: unknown): void {
    const { problems, hint } = errorHint(error);
    this._failures = problems.length
      ? this._byField(problems)
      : new Map([[fieldOfHint(hint), [{ line: null, text: errorText(error, this._trans) }]]]);
    this._changed.emit();
  }

  /** Close the form when the service has accepted the build; show why if it has not. */
  private _followBuild(): void {
    const build = this._build && (this._model.findBuild(this._build.card.id) ?? this._build);
    if (build?.accepted) {
      this._build = null;
      this._model.formBuild = '';
      this._accepted.emit(build);
    } else if (build && !build.active) {
      this._build = null;
      this._isSending = true; // until the reason is shown
      void this._showRefusal(build);
    } else if (build !== this._build) {
      this._build = build;
      this._changed.emit();
    }
  }

  private async _showRefusal(listed: IBuild): Promise<void> {
    const { card } = await this._model.getBuild(listed.card.id).catch(() => listed);
    const { plan } = card;
    const conflict = plan?.verdict === 'conflict' ? plan : null;
    if (conflict) {
      this._check = { kind: 'done', plan: conflict };
      this._checkedText = card.requirements;
    }
    // The result of the check has the reason, and the lines that fix it.
    const lines = conflict ? [this._trans.__('Nothing was sent. Fix the requirements and try again.')] : card.error;
    const next = conflict ? '' : hintText(card.hint, this._trans);
    const text = [...lines, next].filter(line => line).join('\n');
    const field = conflict ? 'requirements' : fieldOfHint(card.hint);
    this._failures = new Map([[field, [{ line: null, text: text || card.state }]]]);
    this._isSending = false;
    this._changed.emit();
  }

  private readonly _accepted = new Signal<this, IBuild>(this);
  private readonly _changed = new Signal<this, void>(this);
  private readonly _initial: IFormValues;
  private readonly _validation = new Debouncer(() => this._validate(), CHECK_DELAY);
  private _build: IBuild | null = null;
  private _check: CheckState = { kind: 'none' };
  /** The requirements that were checked. */
  private _checkedText = '';
  private _checkRequest: AbortController | null = null;
  /** What the last request has refused; a change of the field removes it. */
  private _failures = new Map<FormField, ErrorList>();
  private _isSending = false;
  private _problems = new Map<FormField, IFieldError[]>();
  private _values: IFormValues;
}
