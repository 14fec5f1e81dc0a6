/** Verifies an image: what its sandbox holds in a query, compared with its check, or with the list of its packages. */
import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useEffect, useId, useRef, useState } from 'react';

import type { ICluster, IVerification, IVerifyOptions } from '../api/api';
import { hintText } from '../model/hints';
import { errorLines } from '../sidebar/formValues';
import { roughDuration } from '../sidebar/rowTexts';
import { DataTable } from '../tables/table';
import type { IListedImage } from '../sidebar/rows';
import type { IImagesModel } from '../tokens';

interface IVerifyViewProps extends Pick<IListedImage, 'image' | 'isCustom'> {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly cluster: ICluster;
}

export async function showVerifyDialog(options: IVerifyViewProps): Promise<void> {
  const { trans, image } = options;
  const body = ReactWidget.create(<VerifyView {...options} />);
  body.addClass('jp-KustoImage-verify');
  const buttons = [Dialog.cancelButton({ label: trans.__('Close') })];
  await new Dialog({ title: trans.__('Verify image %1', image.name), body, buttons, hasClose: true }).launch();
}

function VerifyView(props: IVerifyViewProps): React.JSX.Element {
  const { trans, cluster, isCustom } = props;
  const [imports, setImports] = useState(false);
  const [database, setDatabase] = useState('');
  const { start, startedAt, result, error } = useVerification(props);
  const id = useId();
  return (
    <>
      <p>
        {isCustom
          ? trans.__(
              'Sends one query to %1: what its Python holds is compared with the check before the build. Nothing is changed.',
              cluster.name
            )
          : trans.__(
              'Sends one query to %1: what its Python holds is compared with the list of its packages. Nothing is changed.',
              cluster.name
            )}
      </p>
      <div className="jp-KustoImage-field">
        <label htmlFor={id}>{trans.__('Database')}</label>
        <input
          id={id}
          value={database}
          placeholder={trans.__('The first that you may query')}
          onChange={event => setDatabase(event.target.value)}
        />
      </div>
      {isCustom ? (
        <label className="jp-KustoImage-checkbox">
          <input type="checkbox" checked={imports} onChange={event => setImports(event.target.checked)} />
          {trans.__('Also import the packages that the requirements name')}
        </label>
      ) : null}
      <button
        type="button"
        className="jp-mod-styled jp-mod-accept"
        disabled={startedAt !== null}
        onClick={() => start({ imports, database: database.trim() })}
      >
        {trans.__('Verify')}
      </button>
      {startedAt !== null ? <Waiting startedAt={startedAt} trans={trans} /> : null}
      {error ? (
        <p role="alert" className="jp-KustoImage-tone jp-mod-error">
          {error}
        </p>
      ) : null}
      {result ? (
        <div className="jp-KustoImage-data" role="region" aria-live="polite" aria-label={trans.__('Result')}>
          <DataTable table={result.table} />
          {result.hint ? <p>{hintText(result.hint, trans)}</p> : null}
        </div>
      ) : null}
    </>
  );
}

function Waiting({ startedAt, trans }: { startedAt: number; trans: TranslationBundle }): React.JSX.Element {
  const [now, setNow] = useState(startedAt);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [startedAt]);
  return (
    <p>
      <span role="status">{trans.__('Querying… A new sandbox takes 10 to 15 seconds.')}</span>{' '}
      <span className="jp-KustoImage-count">{roughDuration((now - startedAt) / 1000)}</span>
    </p>
  );
}

interface IVerificationState {
  readonly start: (options: IVerifyOptions) => void;
  readonly startedAt: number | null;
  readonly result: IVerification | null;
  readonly error: string;
}

/** The latest verification; closing the dialog ends the wait for it. */
function useVerification({ model, trans, cluster, image }: IVerifyViewProps): IVerificationState {
  const [startedAt, setStartedAt] = useState<number | null>(null);
  const [result, setResult] = useState<IVerification | null>(null);
  const [error, setError] = useState('');
  const request = useRef<AbortController | null>(null);
  useEffect(() => () => request.current?.abort(), []);
  const run = async (options: IVerifyOptions, signal: AbortSignal): Promise<void> => {
    try {
      setResult(await model.requests.verifyImage(cluster.id, image.name, options, signal));
    } catch (failure) {
      if (!signal.aborted) {
        setError(errorLines(failure, trans).join('\n'));
      }
    }
    setStartedAt(null);
  };
  const start = (options: IVerifyOptions): void => {
    request.current = new AbortController();
    setStartedAt(Date.now());
    setResult(null);
    setError('');
    void run(options, request.current.signal);
  };
  return { start, startedAt, result, error };
}
