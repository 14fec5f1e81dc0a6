/** The form for a new image. What is wrong with its requirements is asked of the server: the kernel's own rules. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useEffect, useId, useState } from 'react';

import type { IBase, ICluster } from '../api/api';
import type { IDraft } from '../commands';
import { words } from '../model/imagesModel';
import { type IInputProblem, Problem } from '../api/requestAPI';
import type { IImagesModel } from '../tokens';

/** Milliseconds without a key until the text is checked. */
const PAUSE = 400;

const BARE = '';

export interface IFormProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly draft: IDraft;
  readonly onCell: (draft: IDraft) => void;
  readonly onClose: () => void;
}

export function NewImageForm({ model, trans, draft, onCell, onClose }: IFormProps): React.JSX.Element {
  const bases = useBases(model);
  const begin = begun(draft, model);
  const [cluster, setCluster] = useState(begin.cluster);
  const [name, setName] = useState(begin.name);
  const [base, setBase] = useState(begin.base);
  const [python, setPython] = useState(begin.python);
  const [requirements, setRequirements] = useState(begin.requirements);
  const [refused, setRefused] = useState<ReadonlyArray<string>>([]);
  const [sending, setSending] = useState(false);
  const problems = useCheck(model, requirements);
  const custom = model.shelf(cluster).images.map(image => image.name);
  const now: IDraft = { cluster, name, requirements, ...(base === BARE ? { python } : { base }) };

  const create = async (): Promise<void> => {
    setSending(true);
    try {
      await model.create(cluster, name, { requirements, ...(base === BARE ? { python } : { base }) });
      onClose();
    } catch (error) {
      setRefused(lines(error));
      setSending(false);
    }
  };

  return (
    <form
      className="jp-KustoImage-form"
      aria-label={trans.__('New image')}
      onSubmit={event => {
        event.preventDefault();
        void create();
      }}
      onKeyDown={event => event.key === 'Escape' && onClose()}
    >
      <Field label={trans.__('Cluster')}>
        {id => (
          <select id={id} value={cluster} onChange={event => setCluster(event.target.value)}>
            {model.clusters.map(it => (
              <option key={it.id} value={it.id}>
                {title(it, trans)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label={trans.__('Name')}>
        {id => (
          <input id={id} autoFocus required value={name} spellCheck={false} onChange={it => setName(it.target.value)} />
        )}
      </Field>
      <Field label={trans.__('Base image')}>
        {id => (
          <select id={id} value={base} onChange={event => setBase(event.target.value)}>
            <optgroup label={trans.__('From Azure')}>
              {bases.map(it => (
                <option key={it.name} value={it.name}>
                  {trans._n('%2, %1 package', '%2, %1 packages', it.packages, it.title)}
                </option>
              ))}
            </optgroup>
            <optgroup label={trans.__('Of this cluster')}>
              {withCurrent(custom, bases, base).map(it => (
                <option key={it} value={it}>
                  {it}
                </option>
              ))}
            </optgroup>
            <option value={BARE}>{trans.__('A bare Python')}</option>
          </select>
        )}
      </Field>
      {base === BARE ? (
        <Field label={trans.__('Python version')}>
          {id => <input id={id} required value={python} onChange={event => setPython(event.target.value)} />}
        </Field>
      ) : null}
      <Field label={trans.__('Requirements')}>
        {id => (
          <textarea
            id={id}
            rows={6}
            spellCheck={false}
            placeholder={'humanize==4.9.0'}
            aria-invalid={problems.length > 0}
            aria-describedby={`${id}-problems`}
            value={requirements}
            onChange={event => setRequirements(event.target.value)}
          />
        )}
      </Field>
      <ul className="jp-KustoImage-problems" aria-live="polite">
        {problems.map(it => (
          <li key={`${it.line ?? 0} ${it.message}`}>
            {it.line === null ? it.message : trans.__('line %1: %2', it.line, it.message)}
          </li>
        ))}
      </ul>
      <ul className="jp-KustoImage-problems" role="alert">
        {refused.map(it => (
          <li key={it}>{it}</li>
        ))}
      </ul>
      <div className="jp-KustoImage-buttons">
        <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={sending || problems.length > 0}>
          {trans.__('Create')}
        </button>
        <button type="button" className="jp-mod-styled" onClick={() => onCell(now)}>
          {trans.__('As cell')}
        </button>
        <button type="button" className="jp-mod-styled" onClick={onClose}>
          {trans.__('Cancel')}
        </button>
      </div>
    </form>
  );
}

function begun(draft: IDraft, model: IImagesModel): Required<IDraft> {
  return {
    cluster: model.clusters[0]?.id ?? '',
    name: '',
    base: draft.python ? BARE : 'Python3_11_7',
    python: '3.10.8',
    requirements: '',
    ...draft
  };
}

/** A cluster in words. */
export function title(cluster: ICluster, trans: TranslationBundle): string {
  return cluster.emulator ? trans.__('%1 (emulator)', cluster.name) : cluster.name;
}

function Field({ label, children }: { label: string; children: (id: string) => React.JSX.Element }): React.JSX.Element {
  const id = useId();
  return (
    <div className="jp-KustoImage-field">
      <label htmlFor={id}>{label}</label>
      {children(id)}
    </div>
  );
}

function useBases(model: IImagesModel): ReadonlyArray<IBase> {
  const [bases, setBases] = useState<ReadonlyArray<IBase>>([]);
  useEffect(() => {
    let isThere = true;
    model.api.bases().then(
      found => isThere && setBases(found),
      () => undefined // the list stays as it is; what is wrong with the server is shown above
    );
    return () => {
      isThere = false;
    };
  }, [model]);
  return bases;
}

/** Ask what is wrong with a text, a moment after the last key; nothing while it is empty. */
function useCheck(model: IImagesModel, text: string): ReadonlyArray<IInputProblem> {
  const [problems, setProblems] = useState<ReadonlyArray<IInputProblem>>([]);
  useEffect(() => {
    let isLatest = true;
    const show = (found: ReadonlyArray<IInputProblem>): void => {
      if (isLatest) {
        setProblems(found);
      }
    };
    const timer = window.setTimeout(() => {
      if (text.trim() === '') {
        show([]);
        return;
      }
      model.api.check(text, false).then(show, () => show([])); // Create checks it again
    }, PAUSE);
    return () => {
      isLatest = false;
      window.clearTimeout(timer);
    };
  }, [model, text]);
  return problems;
}

function withCurrent(custom: ReadonlyArray<string>, bases: ReadonlyArray<IBase>, base: string): ReadonlyArray<string> {
  const known = base === BARE || custom.includes(base) || bases.some(it => it.name === base);
  return known ? custom : [...custom, base];
}

function lines(error: unknown): ReadonlyArray<string> {
  const problems = error instanceof Problem ? error.details.problems : undefined;
  return problems?.length ? problems.map(it => `${it.field}: ${it.message}`) : [words(error)];
}
