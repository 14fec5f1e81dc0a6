/** The plugins: each connects one part of JupyterLab with the model. */
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, ICommandPalette } from '@jupyterlab/apputils';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { ICompletionProviderManager } from '@jupyterlab/completer';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { IRunningSessionManagers } from '@jupyterlab/running';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

import { Api } from './api/api';
import { CellLanguage } from './cells/cellMode';
import { Commands, type IDraft } from './commands';
import { ImageCompletions } from './cells/completions';
import { fleetFactory } from './cards/fleetCard';
import { imageIcon } from './icon';
import { CELL_MIME, cellLanguage } from './cells/cellLanguage';
import { cellText, setupText } from './cells/cellText';
import { rememberedBuilds } from './model/pendingBuilds';
import { tellWhatIsMissing } from './cells/installHint';
import { ImagesModel } from './model/imagesModel';
import { insertCell } from './cells/insertCell';
import { BuildNotifications } from './notifications/builds';
import { type IPreferences, Preferences } from './model/preferences';
import { problemsExtension } from './cells/cellLinter';
import { reattachCards } from './cards/reattachCards';
import { Records } from './cards/recordTab';
import { cardFactory } from './cards/buildCard';
import { requester } from './api/requestAPI';
import { enableImage, removeImage, Sidebar } from './sidebar/sidebar';
import { runningSection, StatusItem } from './status/statusItem';
import { IImagesModel, IPreferencesToken } from './tokens';

const SETTINGS = 'kusto-magic:plugin';

/** Milliseconds between two questions to the Jupyter server while something builds. */
const BUSY = 1000;

const SIDEBAR_RANK = 600;

function translations(translator: ITranslator | null): TranslationBundle {
  return (translator ?? nullTranslator).load('kusto_magic');
}

const preferences: JupyterFrontEndPlugin<IPreferences> = {
  id: SETTINGS,
  description: 'Reads what the user has set.',
  autoStart: true,
  provides: IPreferencesToken,
  optional: [ISettingRegistry],
  activate: (_app: JupyterFrontEnd, registry: ISettingRegistry | null): IPreferences => {
    const made = new Preferences();
    registry?.load(SETTINGS).then(
      settings => made.follow(settings),
      (error: unknown) => console.warn('kusto_magic: the settings cannot be read', error)
    );
    return made;
  }
};

const model: JupyterFrontEndPlugin<IImagesModel> = {
  id: 'kusto-magic:model',
  description: 'Asks the Jupyter server about images and builds.',
  autoStart: true,
  provides: IImagesModel,
  requires: [IPreferencesToken],
  activate: (app: JupyterFrontEnd, chosen: IPreferences): IImagesModel => {
    const { serverSettings } = app.serviceManager;
    const idle = (): number => chosen.values.pollSeconds * 1000;
    const made = new ImagesModel({
      api: new Api(requester(serverSettings)),
      memory: rememberedBuilds(serverSettings.baseUrl),
      isHidden: () => document.hidden,
      idle: idle(),
      busy: BUSY
    });
    chosen.changed.connect(() => (made.idle = idle()));
    void app.restored.then(() => made.refresh());
    return made;
  }
};

const renderer: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:renderer',
  description: 'Draws the cards of builds and fleets, and lets them go on after a page reload.',
  autoStart: true,
  requires: [IRenderMimeRegistry, IImagesModel],
  optional: [INotebookTracker, ITranslator],
  activate: (
    _app: JupyterFrontEnd,
    registry: IRenderMimeRegistry,
    images: IImagesModel,
    notebooks: INotebookTracker | null,
    translator: ITranslator | null
  ): void => {
    const trans = translations(translator);
    registry.addFactory(cardFactory(images, trans));
    registry.addFactory(fleetFactory(images, trans));
    if (notebooks) {
      reattachCards(notebooks);
    }
  }
};

const cells: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:cells',
  description: 'Colours, checks and completes cells that begin with %%kusto_image.',
  autoStart: true,
  requires: [IImagesModel, IPreferencesToken, INotebookTracker, IEditorLanguageRegistry],
  optional: [ICompletionProviderManager],
  activate: (
    _app: JupyterFrontEnd,
    images: IImagesModel,
    chosen: IPreferences,
    notebooks: INotebookTracker,
    languages: IEditorLanguageRegistry,
    completion: ICompletionProviderManager | null
  ): void => {
    languages.addLanguage({
      name: 'kusto-image',
      displayName: 'Kusto image',
      mime: CELL_MIME,
      support: cellLanguage(problemsExtension(images))
    });
    new CellLanguage(notebooks, chosen);
    completion?.registerProvider(new ImageCompletions(images));
  }
};

const missing: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:missing',
  description: 'Tells what to do where a kernel has no kusto_magic.',
  autoStart: true,
  requires: [INotebookTracker],
  optional: [ITranslator],
  activate: (_app: JupyterFrontEnd, notebooks: INotebookTracker, translator: ITranslator | null): void =>
    tellWhatIsMissing(notebooks, translations(translator))
};

const views: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:views',
  description: 'The sidebar, the records and the commands.',
  autoStart: true,
  requires: [IImagesModel, IPreferencesToken, INotebookTracker],
  optional: [ICommandPalette, ILauncher, ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    images: IImagesModel,
    chosen: IPreferences,
    notebooks: INotebookTracker,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ): void => {
    const trans = translations(translator);
    const { commands, shell } = app;
    const sidebar = new Sidebar({
      model: images,
      trans,
      actions: {
        insertCell: draft => void commands.execute(Commands.insertCell, { ...draft }),
        openRecord: id => void commands.execute(Commands.openRecord, { id }),
        copy: text => Clipboard.copyToSystem(text)
      }
    });
    const show = (): void => {
      const { showSidebar } = chosen.values;
      if (showSidebar && !sidebar.isAttached) {
        shell.add(sidebar, 'left', { rank: SIDEBAR_RANK });
      } else if (!showSidebar) {
        sidebar.parent = null;
      }
    };
    show();
    chosen.changed.connect(show);
    void app.restored.then(show); // the saved layout puts back what was there
    restorer?.add(sidebar, sidebar.id);
    addCommands(app, images, notebooks, sidebar, trans);
    const category = trans.__('Kusto images');
    [Commands.open, Commands.newImage, Commands.insertCell, Commands.refresh].forEach(command => {
      palette?.addItem({ command, category, args: { isPalette: true } });
    });
    launcher?.add({ command: Commands.newImage, category: trans.__('Other') });
  }
};

function addCommands(
  app: JupyterFrontEnd,
  images: IImagesModel,
  notebooks: INotebookTracker,
  sidebar: Sidebar,
  trans: TranslationBundle
): void {
  const { commands, shell } = app;
  const records = new Records(shell, images, trans);
  const hasPlace = (): boolean => sidebar.isAttached;
  commands.addCommand(Commands.open, {
    label: trans.__('Show Kusto Images'),
    icon: imageIcon,
    isEnabled: hasPlace,
    execute: () => shell.activateById(sidebar.id)
  });
  commands.addCommand(Commands.newImage, {
    label: args => (args.isPalette ? trans.__('New Kusto Image…') : trans.__('Kusto Image')),
    caption: trans.__('Make a sandbox custom image of Azure Data Explorer'),
    icon: imageIcon,
    isEnabled: hasPlace,
    execute: args => {
      shell.activateById(sidebar.id);
      sidebar.openForm(draftOf(args));
    }
  });
  commands.addCommand(Commands.insertCell, {
    label: trans.__('Insert Kusto Image Cell'),
    caption: trans.__('Insert a %%kusto_image cell'),
    icon: imageIcon,
    execute: args => {
      const draft = draftOf(args);
      const cluster = images.clusters.find(it => it.id === draft.cluster) ?? images.clusters[0];
      const place = { commands, notebooks, services: app.serviceManager };
      return insertCell(place, cellText(draft), setupText(cluster));
    }
  });
  commands.addCommand(Commands.openRecord, {
    label: trans.__('Open the Record of a Kusto Image Build'),
    execute: args => records.open(typeof args.id === 'string' ? args.id : '')
  });
  const onImage = (args: ReadonlyPartialJSONObject, what: typeof removeImage): Promise<void> | undefined => {
    const { cluster: id, name } = draftOf(args);
    const cluster = images.clusters.find(it => it.id === id);
    return cluster && name ? what(images, cluster, name, trans) : undefined;
  };
  commands.addCommand(Commands.enableImage, {
    label: trans.__('Enable a Kusto Image'),
    execute: args => onImage(args, enableImage)
  });
  commands.addCommand(Commands.deleteImage, {
    label: trans.__('Delete a Kusto Image'),
    execute: args => onImage(args, removeImage)
  });
  commands.addCommand(Commands.refresh, {
    label: trans.__('Refresh Kusto Images'),
    execute: () => images.refresh()
  });
}

/** Read a draft from a command's arguments, which may come from anywhere. */
function draftOf(args: ReadonlyPartialJSONObject): IDraft {
  const names = ['cluster', 'name', 'base', 'python', 'requirements'] as const;
  return Object.fromEntries(names.flatMap(name => (typeof args[name] === 'string' ? [[name, args[name]]] : [])));
}

const activity: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:activity',
  description: 'Tells of builds: notifications, the status bar, the section in Running.',
  autoStart: true,
  requires: [IImagesModel, IPreferencesToken],
  optional: [IStatusBar, IRunningSessionManagers, ITranslator],
  activate: (
    { commands }: JupyterFrontEnd,
    images: IImagesModel,
    chosen: IPreferences,
    statusBar: IStatusBar | null,
    running: IRunningSessionManagers | null,
    translator: ITranslator | null
  ): void => {
    const trans = translations(translator);
    const openRecord = (id: string): void => void commands.execute(Commands.openRecord, { id });
    const useAsBase = (draft: IDraft): void => void commands.execute(Commands.newImage, { ...draft });
    new BuildNotifications(images, chosen, { openRecord, useAsBase }, trans);
    running?.add(runningSection(images, trans, openRecord));
    statusBar?.registerStatusItem('kusto-magic:status', {
      item: new StatusItem(images, trans, () => void commands.execute(Commands.open)),
      align: 'left',
      isActive: () => chosen.values.showStatus && images.active.length > 0,
      activeStateChanged: images.changed
    });
  }
};

export default [preferences, model, renderer, cells, missing, views, activity];
