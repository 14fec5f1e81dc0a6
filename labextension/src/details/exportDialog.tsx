/** An image in the language of another tool, to copy or to save as a file. */
import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { downloadIcon } from '@jupyterlab/ui-components';
import type * as React from 'react';
import { useEffect, useId, useState } from 'react';

import type { ExportFormat, ICluster, IExport } from '../api/api';
import { CopyButton } from '../components/copyButton';
import { errorLines } from '../sidebar/formValues';
import type { IImagesModel } from '../tokens';
import { FORMATS, type IExportFile, exportFile } from './exportFormats';

interface IExportOptions {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
}

export async function showExportDialog(options: IExportOptions, cluster: ICluster, name: string): Promise<void> {
  const { trans } = options;
  const body = ReactWidget.create(<ExportView {...options} cluster={cluster} name={name} />);
  body.addClass('jp-KustoImage-export');
  // Not an OK button, which JupyterLab disables while a dialog shows an error.
  const buttons = [Dialog.cancelButton({ label: trans.__('Close') })];
  await new Dialog({ title: trans.__('Export image %1', name), body, buttons, hasClose: true }).launch();
}

interface IExportViewProps extends IExportOptions {
  readonly cluster: ICluster;
  readonly name: string;
}

function ExportView(props: IExportViewProps): React.JSX.Element {
  const { trans, name } = props;
  const [format, setFormat] = useState<ExportFormat>('bicep');
  const [attempt, setAttempt] = useState(0);
  const { text, remark, error } = useExport(props, format, attempt);
  const id = useId();
  return (
    <>
      <label htmlFor={id}>{trans.__('Format')}</label>
      <div className="jp-KustoImage-exportBar">
        <select id={id} value={format} onChange={event => setFormat(event.target.value as ExportFormat)}>
          {Object.entries(FORMATS).map(([key, { label }]) => (
            <option key={key} value={key}>
              {label}
            </option>
          ))}
        </select>
        {text ? <CopyButton text={text} trans={trans} /> : null}
        {text ? <DownloadButton text={text} file={exportFile(format, name)} trans={trans} /> : null}
      </div>
      {error ? (
        <>
          <p role="alert" className="jp-KustoImage-tone jp-mod-error">
            {error}
          </p>
          <button type="button" className="jp-KustoImage-textButton" onClick={() => setAttempt(attempt + 1)}>
            {trans.__('Retry')}
          </button>
        </>
      ) : null}
      <p role="status">{text || error ? remark : waitingText(format, trans)}</p>
      <pre tabIndex={0} aria-label={trans.__('Exported image')} aria-busy={!text && !error}>
        {text}
      </pre>
    </>
  );
}

function waitingText(format: ExportFormat, trans: TranslationBundle): string {
  // An image that was not built on this machine is checked for it.
  return FORMATS[format].needsLock ? trans.__('Finding the packages of the image…') : trans.__('Loading…');
}

interface IExported extends IExport {
  readonly error: string;
}

const LOADING: IExported = { text: '', remark: '', error: '' };

/** Return the exported image; another `attempt` asks again. */
function useExport(
  { model, trans, cluster, name }: IExportViewProps,
  format: ExportFormat,
  attempt: number
): IExported {
  const [exported, setExported] = useState(LOADING);
  useEffect(() => {
    const request = new AbortController();
    const update = (result: Partial<IExported>): void => {
      if (!request.signal.aborted) {
        setExported({ ...LOADING, ...result });
      }
    };
    update({});
    model.requests
      .exportImage(cluster.id, name, format, request.signal)
      .then(update, (error: unknown) => update({ error: errorLines(error, trans).join('\n') }));
    // The server may be running a check for a format that is no longer shown.
    return () => request.abort();
  }, [model, trans, cluster.id, name, format, attempt]);
  return exported;
}

interface IDownloadButtonProps {
  readonly text: string;
  readonly file: IExportFile;
  readonly trans: TranslationBundle;
}

function DownloadButton({ text, file, trans }: IDownloadButtonProps): React.JSX.Element {
  const Icon = downloadIcon.react;
  return (
    <button type="button" className="jp-KustoImage-textButton" onClick={() => download(text, file)}>
      <Icon tag="span" aria-hidden="true" />
      <span>{trans.__('Download')}</span>
    </button>
  );
}

function download(text: string, { name, type }: IExportFile): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
