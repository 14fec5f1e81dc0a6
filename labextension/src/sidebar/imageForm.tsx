/** The form for a new image. The server checks the requirements with the kernel's own rules. */
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useEffect, useId, useState } from 'react';

import type { IBaseImage, ICluster } from '../api/api';
import type { IInputProblem } from '../api/requestAPI';
import { withHint } from '../model/hints';
import type { IImageDraft, IImagesModel } from '../tokens';
import { activeWarning } from './activeImage';
import { confirmReplacement } from './dialogs';
import { customBases, errorLines, type IFormValues, initialValues, NO_BASE, toDraft, toSpec } from './formValues';

/** Milliseconds after the last key before the requirements are checked. */
const CHECK_DELAY = 400;

export interface IImageFormProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly draft: IImageDraft;
  readonly onInsertCell: (draft: IImageDraft) => void;
  readonly onClose: () => void;
}

export function ImageForm({ model, trans, draft, onInsertCell, onClose }: IImageFormProps): React.JSX.Element {
  const [values, setValues] = useState(() => initialValues(draft, model.clusters));
  const [errors, setErrors] = useState<ReadonlyArray<string>>([]);
  const [isSending, setIsSending] = useState(false);
  const problems = useProblems(model, values.requirements);
  const setValue = (key: keyof IFormValues, value: string): void => setValues(known => ({ ...known, [key]: value }));

  const create = async (): Promise<void> => {
    const warning = activeWarning(model, values.cluster, values.name, trans);
    if (warning && !(await confirmReplacement(values.name, warning, trans))) {
      return;
    }
    setIsSending(true);
    try {
      const spec = toSpec(values);
      await model.createImage(values.cluster, values.name, warning ? { ...spec, allowActive: true } : spec);
      onClose();
    } catch (error) {
      setErrors(errorLines(error, trans));
      setIsSending(false);
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
          <select id={id} value={values.cluster} onChange={event => setValue('cluster', event.target.value)}>
            {model.clusters.map(cluster => (
              <option key={cluster.id} value={cluster.id}>
                {clusterTitle(cluster, trans)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <Field label={trans.__('Name')}>
        {id => (
          <input
            id={id}
            autoFocus
            required
            value={values.name}
            spellCheck={false}
            onChange={event => setValue('name', event.target.value)}
          />
        )}
      </Field>
      <BaseFields model={model} trans={trans} values={values} setValue={setValue} />
      <Field label={trans.__('Requirements')}>
        {id => (
          <textarea
            id={id}
            rows={6}
            spellCheck={false}
            placeholder={'humanize==4.9.0'}
            aria-invalid={problems.length > 0}
            aria-describedby={`${id}-problems`}
            value={values.requirements}
            onChange={event => setValue('requirements', event.target.value)}
          />
        )}
      </Field>
      <Problems problems={problems} errors={errors} trans={trans} />
      <div className="jp-KustoImage-buttons">
        <button type="submit" className="jp-mod-styled jp-mod-accept" disabled={isSending || problems.length > 0}>
          {trans.__('Create')}
        </button>
        <button type="button" className="jp-mod-styled" onClick={() => onInsertCell(toDraft(values))}>
          {trans.__('Insert as cell')}
        </button>
        <button type="button" className="jp-mod-styled" onClick={onClose}>
          {trans.__('Cancel')}
        </button>
      </div>
    </form>
  );
}

/** Return the name of a cluster to show. */
export function clusterTitle(cluster: ICluster, trans: TranslationBundle): string {
  return cluster.emulator ? trans.__('%1 (emulator)', cluster.name) : cluster.name;
}

interface IBaseFieldsProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly values: IFormValues;
  readonly setValue: (key: keyof IFormValues, value: string) => void;
}

/** The base image, and the Python version if there is no base image. */
function BaseFields({ model, trans, values, setValue }: IBaseFieldsProps): React.JSX.Element {
  const { base, cluster, python } = values;
  const managed = useBaseImages(model);
  const custom = model.images(cluster).images.map(image => image.name);
  return (
    <>
      <Field label={trans.__('Base image')}>
        {id => (
          <select id={id} value={base} onChange={event => setValue('base', event.target.value)}>
            <optgroup label={trans.__('Shipped by Azure')}>
              {managed.map(image => (
                <option key={image.name} value={image.name}>
                  {trans._n('%2, %1 package', '%2, %1 packages', image.packages, image.title)}
                </option>
              ))}
            </optgroup>
            <optgroup label={trans.__('On this cluster')}>
              {customBases(custom, managed, base).map(name => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </optgroup>
            <option value={NO_BASE}>{trans.__('Python without packages')}</option>
          </select>
        )}
      </Field>
      {base === NO_BASE ? (
        <Field label={trans.__('Python version')}>
          {id => <input id={id} required value={python} onChange={event => setValue('python', event.target.value)} />}
        </Field>
      ) : null}
    </>
  );
}

interface IProblemsProps {
  readonly problems: ReadonlyArray<IInputProblem>;
  readonly errors: ReadonlyArray<string>;
  readonly trans: TranslationBundle;
}

/** The problems of the requirements, and the errors of the last request. */
function Problems({ problems, errors, trans }: IProblemsProps): React.JSX.Element {
  return (
    <>
      <ul className="jp-KustoImage-problems" aria-live="polite">
        {problems.map(({ line, message, hint }) => (
          <li key={`${line ?? 0} ${message}`}>
            {withHint(line === null ? message : trans.__('line %1: %2', line, message), hint, trans)}
          </li>
        ))}
      </ul>
      <ul className="jp-KustoImage-problems" role="alert">
        {errors.map(error => (
          <li key={error}>{error}</li>
        ))}
      </ul>
    </>
  );
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

function useBaseImages(model: IImagesModel): ReadonlyArray<IBaseImage> {
  const [images, setImages] = useState<ReadonlyArray<IBaseImage>>([]);
  useEffect(() => {
    let isMounted = true;
    model.baseImages().then(
      found => isMounted && setImages(found),
      () => undefined // the sidebar shows above the form that the server is not available
    );
    return () => {
      isMounted = false;
    };
  }, [model]);
  return images;
}

/** Check a text after a pause in typing; an empty text has no problems yet. */
function useProblems(model: IImagesModel, text: string): ReadonlyArray<IInputProblem> {
  const [problems, setProblems] = useState<ReadonlyArray<IInputProblem>>([]);
  useEffect(() => {
    // Responses can arrive in another order than their requests were sent.
    let isLatest = true;
    const update = (found: ReadonlyArray<IInputProblem>): void => {
      if (isLatest) {
        setProblems(found);
      }
    };
    const timer = window.setTimeout(() => {
      if (text.trim() === '') {
        update([]);
        return;
      }
      // Without a response the button stays enabled: the server checks again when the image is created.
      model.checkRequirements(text, false).then(update, () => update([]));
    }, CHECK_DELAY);
    return () => {
      isLatest = false;
      window.clearTimeout(timer);
    };
  }, [model, text]);
  return problems;
}
