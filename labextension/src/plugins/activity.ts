import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRunningSessionManagers } from '@jupyterlab/running';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import { CommandIDs } from '../commandIds';
import { BuildNotifications } from '../notifications/builds';
import { toasts } from '../notifications/toast';
import { runningSection } from '../status/runningSection';
import { StatusItem } from '../status/statusItem';
import { ICards, IImagesModel, IPreferences } from '../tokens';
import { loadTranslations } from './translations';

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'kusto-magic:activity',
  description: 'Shows builds as notifications, in the status bar and in the Running panel.',
  autoStart: true,
  requires: [IImagesModel, ICards, IPreferences],
  optional: [IStatusBar, IRunningSessionManagers, ITranslator],
  activate: (
    { commands }: JupyterFrontEnd,
    model: IImagesModel,
    cards: ICards,
    preferences: IPreferences,
    statusBar: IStatusBar | null,
    runningSessions: IRunningSessionManagers | null,
    translator: ITranslator | null
  ): void => {
    const trans = loadTranslations(translator);
    const showDetails = (id: string): void => void commands.execute(CommandIDs.openRecord, { id });
    new BuildNotifications({
      model,
      preferences,
      trans,
      toasts,
      cards,
      actions: { showDetails, enableImage: draft => void commands.execute(CommandIDs.enableImage, { ...draft }) }
    });
    runningSessions?.add(runningSection(model, trans, showDetails));
    const activeStateChanged = new Signal<IImagesModel, void>(model);
    model.changed.connect((_, { name }) => name === 'builds' && activeStateChanged.emit());
    preferences.changed.connect(() => activeStateChanged.emit());
    statusBar?.registerStatusItem('kusto-magic:status', {
      item: new StatusItem(model, trans, () => void commands.execute(CommandIDs.open)),
      align: 'left',
      isActive: () => preferences.values.showStatus && model.activeBuilds.length > 0,
      activeStateChanged
    });
  }
};

export default plugin;
