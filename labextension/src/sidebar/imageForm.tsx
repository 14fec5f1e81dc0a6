/** The form for a new image. Its state is a `FormSession`; the server validates the fields with the kernel's own rules. */
import { UseSignal } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useEffect, useRef, useState } from 'react';

import type { IBaseImage } from '../api/api';
import { PlanView } from '../components/planView';
import type { IImageDraft, IImagesModel } from '../tokens';
import { activeWarning } from './activeImage';
import { confirmReplacement } from './dialogs';
import { Elapsed } from './elapsed';
import { Errors, Field, type IFieldProps } from './formField';
import type { FormSession } from './formSession';
import { customBases, NO_BASE, toDraft } from './formValues';
import { clusterTitle } from './rowTexts';

export interface IImageFormProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly session: FormSession;
  readonly onInsertCell: (draft: IImageDraft) => void;
  readonly onClose: () => void;
}

export function ImageForm(props: IImageFormProps): React.JSX.Element {
  return <UseSignal signal={props.session.changed}>{() => <Form {...props} />}</UseSignal>;
}

function Form(props: IImageFormProps): React.JSX.Element {
  const { model, trans, session, onClose } = props;
  const form = useRef<HTMLFormElement>(null);
  const wasSending = useRef(false);
  useEffect(() => {
    if (wasSending.current && !session.isSending && form.current) {
      focusInvalid(session, form.current); // the service or the check has refused it
    }
    wasSending.current = session.isSending;
  });
  return (
    <form
      ref={form}
      className="jp-KustoImage-form"
      aria-label={trans.__('New image')}
      noValidate
      onSubmit={event => {
        event.preventDefault();
        void submit(props, event.currentTarget);
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          event.stopPropagation();
          onClose();
        }
      }}
    >
      <h3>{trans.__('New image')}</h3>
      <fieldset disabled={session.isSending}>
        {model.clusters.length > 1 ? <ClusterField {...props} /> : null}
        <NameField {...props} />
        <BaseField {...props} />
        {session.values.base === NO_BASE ? <PythonField {...props} /> : null}
        <RequirementsField {...props} />
      </fieldset>
      <CheckResult {...props} />
      <Errors errors={session.errors('form')} trans={trans} />
      <Progress {...props} />
      <Buttons {...props} />
    </form>
  );
}

/** Create the image, after a question if that replaces the image that queries use; then focus what is wrong. */
async function submit({ model, trans, session }: IImageFormProps, form: HTMLElement): Promise<void> {
  const { cluster } = session.values;
  const name = session.values.name.trim();
  const warning = activeWarning(model, cluster, name, trans);
  if (!session.isSending && (!warning || (await confirmReplacement(name, warning, trans)))) {
    await session.create(warning !== '');
    focusInvalid(session, form);
  }
}

/** Focus the first field that is wrong, if there is one and the user has not gone elsewhere. */
function focusInvalid(session: FormSession, form: HTMLElement): void {
  const { activeElement } = document;
  if (!activeElement || activeElement === document.body || form.contains(activeElement)) {
    form.querySelector<HTMLElement>(`[data-field=${session.firstInvalid ?? 'none'}]`)?.focus();
  }
}

/** Return the properties that every field has. */
function fieldProps(
  { session, trans }: IImageFormProps,
  name: IFieldProps['name']
): Omit<IFieldProps, 'label' | 'children'> {
  return { name, trans, errors: session.errors(name) };
}

function ClusterField(props: IImageFormProps): React.JSX.Element {
  const { model, trans, session } = props;
  return (
    <Field {...fieldProps(props, 'cluster')} label={trans.__('Cluster')}>
      {attributes => (
        <select
          {...attributes}
          value={session.values.cluster}
          onChange={event => session.set('cluster', event.target.value)}
        >
          {model.clusters.map(cluster => (
            <option key={cluster.id} value={cluster.id}>
              {clusterTitle(cluster, trans)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

function NameField(props: IImageFormProps): React.JSX.Element {
  const { trans, session } = props;
  const { name } = session.values;
  const { replaced } = session;
  return (
    <Field
      {...fieldProps(props, 'name')}
      label={trans.__('Name')}
      status={name.trim() ? nameStatus(replaced, trans) : ''}
      tone={replaced ? 'warning' : 'success'}
      isRequired
    >
      {attributes => (
        <input
          {...attributes}
          type="text"
          value={name}
          autoComplete="off"
          spellCheck={false}
          onChange={event => session.set('name', event.target.value)}
        />
      )}
    </Field>
  );
}

function nameStatus(replaced: string | null, trans: TranslationBundle): string {
  if (replaced === null) {
    return '';
  }
  return replaced ? trans.__('Replaces the image %1', replaced) : trans.__('Available');
}

function BaseField(props: IImageFormProps): React.JSX.Element {
  const { model, trans, session } = props;
  const { base, cluster } = session.values;
  const managed = useBaseImages(model);
  const custom = model.images(cluster).images.map(image => image.name);
  return (
    <Field {...fieldProps(props, 'base')} label={trans.__('Base image')} status={baseStatus(props, managed)}>
      {attributes => (
        <select {...attributes} value={base} onChange={event => session.set('base', event.target.value)}>
          <optgroup label={trans.__('Shipped by Azure')}>
            {managed.map(image => (
              <option key={image.name} value={image.name}>
                {image.title}
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
  );
}

/** Return what the chosen base image has. */
function baseStatus({ model, trans, session }: IImageFormProps, managed: ReadonlyArray<IBaseImage>): string {
  const { base, cluster } = session.values;
  const chosen = managed.find(({ name }) => name === base);
  if (chosen) {
    return trans._n('Python %2, %1 package', 'Python %2, %1 packages', chosen.packages, chosen.python);
  }
  const custom = model.images(cluster).images.find(({ name }) => name === base);
  return custom ? [custom.state, custom.base].filter(part => part).join(' · ') : '';
}

function PythonField(props: IImageFormProps): React.JSX.Element {
  const { model, trans, session } = props;
  const versions = [...new Set(useBaseImages(model).map(({ python }) => python))];
  return (
    <Field {...fieldProps(props, 'python')} label={trans.__('Python version')} isRequired>
      {attributes => (
        <>
          <input
            {...attributes}
            type="text"
            list={`${attributes.id}-versions`}
            value={session.values.python}
            onChange={event => session.set('python', event.target.value)}
          />
          <datalist id={`${attributes.id}-versions`}>
            {versions.map(version => (
              <option key={version} value={version} />
            ))}
          </datalist>
        </>
      )}
    </Field>
  );
}

function RequirementsField(props: IImageFormProps): React.JSX.Element {
  const { trans, session } = props;
  return (
    <Field
      {...fieldProps(props, 'requirements')}
      label={trans.__('Requirements')}
      status={trans.__('One package per line')}
      tone="neutral"
    >
      {attributes => (
        <textarea
          {...attributes}
          rows={6}
          spellCheck={false}
          placeholder={'humanize==4.9.0'}
          value={session.values.requirements}
          onChange={event => session.set('requirements', event.target.value)}
        />
      )}
    </Field>
  );
}

function CheckResult({ session, trans }: IImageFormProps): React.JSX.Element {
  const { check } = session;
  return (
    <div role="status" aria-label={trans.__('Check')}>
      {check.kind === 'done' ? <PlanView plan={check.plan} applier={session} trans={trans} /> : null}
      {check.kind === 'running' ? (
        <div className="jp-KustoImage-progressLine">
          <span>{trans.__('Checking that these packages install together…')}</span>
          <button type="button" className="jp-KustoImage-link" onClick={() => session.cancelCheck()}>
            {trans.__('Cancel check')}
          </button>
        </div>
      ) : null}
    </div>
  );
}

/** What happens until the service has accepted the request. */
function Progress({ session, trans }: IImageFormProps): React.JSX.Element | null {
  const { build } = session;
  if (!session.isSending) {
    return null;
  }
  return (
    <div className="jp-KustoImage-progressLine">
      <span role="status">{build ? build.card.state : trans.__('Sending…')}</span>
      {build ? <Elapsed card={build.card} /> : null}
    </div>
  );
}

function Buttons({ trans, session, onInsertCell, onClose }: IImageFormProps): React.JSX.Element {
  const isChecking = session.check.kind === 'running';
  return (
    <div className="jp-KustoImage-formButtons">
      <button type="submit" className="jp-mod-styled jp-mod-accept" aria-disabled={session.isSending}>
        {trans.__('Build image')}
      </button>
      <button
        type="button"
        className="jp-mod-styled jp-KustoImage-secondary"
        aria-disabled={isChecking || session.isSending}
        onClick={() => isChecking || session.isSending || void session.runCheck()}
      >
        {trans.__('Check')}
      </button>
      <span className="jp-KustoImage-spacer" />
      <button type="button" className="jp-KustoImage-link" onClick={() => onInsertCell(toDraft(session.values))}>
        {trans.__('Insert as cell')}
      </button>
      <button type="button" className="jp-KustoImage-link" onClick={onClose}>
        {session.isSending ? trans.__('Close') : trans.__('Cancel')}
      </button>
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
