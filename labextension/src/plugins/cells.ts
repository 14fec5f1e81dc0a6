import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { EditorExtensionRegistry, IEditorExtensionRegistry, IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { ICompletionProviderManager } from '@jupyterlab/completer';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator } from '@jupyterlab/translation';

import { CELL_MIME_TYPE, cellLanguage } from '../cells/cellLanguage';
import { cellLinter } from '../cells/cellLinter';
import { CellMode, isPython } from '../cells/cellMode';
import { CommandCompletionProvider } from '../cells/commandCompletions';
import { ImageCompletionProvider } from '../cells/completions';
import { showInstallHints } from '../cells/installHint';
import { lineMagics } from '../cells/lineMagics';
import { IImagesModel, IPreferences } from '../tokens';
import { loadTranslations } from './translations';

export const cells: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:cells',
  description: 'Highlights, checks and completes cells that start with %%kusto_image, and lines with %kusto_image.',
  autoStart: true,
  requires: [IImagesModel, IPreferences, INotebookTracker, IEditorLanguageRegistry],
  optional: [IEditorExtensionRegistry, ICompletionProviderManager, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    model: IImagesModel,
    preferences: IPreferences,
    notebooks: INotebookTracker,
    languages: IEditorLanguageRegistry,
    extensions: IEditorExtensionRegistry | null,
    completions: ICompletionProviderManager | null,
    translator: ITranslator | null
  ): void => {
    languages.addLanguage({
      name: 'kusto-image',
      displayName: 'Kusto image',
      mime: CELL_MIME_TYPE,
      support: cellLanguage(cellLinter(model, loadTranslations(translator)))
    });
    new CellMode(notebooks, preferences);
    extensions?.addExtension({
      name: 'kusto-magic:line-magics',
      factory: ({ inline, model }) => {
        const isActive = (): boolean => preferences.values.highlightCells && isPython(model.mimeType);
        return inline ? EditorExtensionRegistry.createImmutableExtension(lineMagics(isActive)) : null;
      }
    });
    completions?.registerProvider(new ImageCompletionProvider(model));
    completions?.registerProvider(new CommandCompletionProvider());
  }
};

export const installHint: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:missing',
  description: 'Explains how to install or load kusto_magic in a kernel that lacks it.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ITranslator],
  activate: (_app: JupyterFrontEnd, notebooks: INotebookTracker, translator: ITranslator | null): void =>
    showInstallHints(notebooks, loadTranslations(translator))
};
