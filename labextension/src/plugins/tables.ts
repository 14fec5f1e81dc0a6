import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator } from '@jupyterlab/translation';

import { tableFactory } from '../tables/table';
import { loadTranslations } from './translations';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:tables',
  description: 'Renders the tables of the commands.',
  autoStart: true,
  requires: [IRenderMimeRegistry],
  optional: [ITranslator],
  activate: (_app: JupyterFrontEnd, registry: IRenderMimeRegistry, translator: ITranslator | null): void =>
    registry.addFactory(tableFactory(loadTranslations(translator)))
};

export default plugin;
