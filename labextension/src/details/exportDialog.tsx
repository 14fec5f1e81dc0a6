/** The definition of an image in the language of another tool, to copy or to save as a file. */
import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { downloadIcon } from '@jupyterlab/ui-components';
import type * as React from 'react';
import { useEffect, useId, useState } from 'react';

import type { ExportFormat, ICluster } from '../api/api';
import { CopyButton } from '../components/copyButton';
import { errorLines } from '../sidebar/formValues';
import type { IImagesModel } from '../tokens';

interface IFormat {
  readonly label: string;
  readonly extension: string;
}

/** Names of tools are not translated. */
const FORMATS: Readonly<Record<ExportFormat, IFormat>> = {
  bicep: { label: 'Bicep', extension: '.bicep' },
  terraform: { label: 'Terraform (azapi)', extension: '.tf' },
  az: { label: 'Azure CLI', extension: '.sh' },
  powershell: { label: 'Azure PowerShell', extension: '.ps1' },
  rest: { label: 'REST (.http)', extension: '.http' },
  requirements: { label: 'requirements.txt', extension: '-requirements.txt' }
};

interface IExportOptions {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
}

export async function showExportDialog(options: IExportOptions, cluster: ICluster, name: string): Promise<void> {
  const { trans } = options;
  const body = ReactWidget.create(<ExportView {...options} cluster={cluster} name={name} />);
  body.addClass('jp-KustoImage-export');
  const buttons = [Dialog.okButton({ label: trans.__('Close') })];
  await new Dialog({ title: trans.__('Export image %1', name), body, buttons, hasClose: true }).launch();
}

interface IExportViewProps extends IExportOptions {
  readonly cluster: ICluster;
  readonly name: string;
}

function ExportView(props: IExportViewProps): React.JSX.Element {
  const { trans, name } = props;
  const [format, setFormat] = useState<ExportFormat>('bicep');
  const { text, error } = useExport(props, format);
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
        {text ? <DownloadButton text={text} file={`${name}${FORMATS[format].extension}`} trans={trans} /> : null}
      </div>
      {error ? (
        <p role="alert" className="jp-KustoImage-tone jp-mod-error">
          {error}
        </p>
      ) : null}
      <pre tabIndex={0} aria-label={trans.__('Definition of the image')} aria-busy={!text && !error}>
        {text || (error ? '' : trans.__('Loading…'))}
      </pre>
    </>
  );
}

interface IExported {
  readonly text: string;
  readonly error: string;
}

function useExport({ model, trans, cluster, name }: IExportViewProps, format: ExportFormat): IExported {
  const [exported, setExported] = useState<IExported>({ text: '', error: '' });
  useEffect(() => {
    let isLatest = true;
    const update = (text: string, error: string): void => {
      if (isLatest) {
        setExported({ text, error });
      }
    };
    setExported({ text: '', error: '' });
    model.requests.exportImage(cluster.id, name, format).then(
      text => update(text, ''),
      (error: unknown) => update('', errorLines(error, trans).join('\n'))
    );
    return () => {
      isLatest = false;
    };
  }, [model, trans, cluster.id, name, format]);
  return exported;
}

interface IDownloadButtonProps {
  readonly text: string;
  readonly file: string;
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

function download(text: string, file: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = file;
  link.click();
  URL.revokeObjectURL(url);
}
