import type { INotebookTracker } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { BUILD_MIME_TYPE } from '../../src/cards/cardData';
import { FLEET_MIME_TYPE } from '../../src/cards/fleetData';
import { reattachCards } from '../../src/cards/reattachCards';

class FakeOutput {
  constructor(id: string, mimeType: string, state: string) {
    this.metadata = { kusto_image: { display_id: id } };
    this.data = { [mimeType]: { state } };
  }

  metadata: Record<string, unknown>;
  data: Record<string, unknown>;
  updates = 0;

  setData({ data }: { data: Record<string, unknown> }): void {
    this.data = data;
    this.updates += 1;
  }
}

function fakePanel(outputs: FakeOutput[]) {
  const list = { length: outputs.length, get: (index: number) => outputs[index] };
  const cells = [{ model: { type: 'markdown' } }, { model: { type: 'code', outputs: list } }];
  return {
    isDisposed: false,
    content: { widgets: cells },
    sessionContext: { iopubMessage: new Signal<object, object>({}) }
  };
}

type FakePanel = ReturnType<typeof fakePanel>;

function connect(...outputs: FakeOutput[]): FakePanel {
  const panel = fakePanel(outputs);
  const notebooks = {
    forEach: (callback: (panel: FakePanel) => void) => callback(panel),
    widgetAdded: new Signal<object, FakePanel>({})
  };
  reattachCards(notebooks as unknown as INotebookTracker);
  return panel;
}

/** Send a message of the kernel, and run what follows it. */
function send(panel: FakePanel, id: string, data: object, type = 'update_display_data'): void {
  panel.sessionContext.iopubMessage.emit({
    channel: 'iopub',
    header: { msg_type: type },
    content: { data, metadata: {}, transient: { display_id: id } }
  });
  vi.runAllTimers();
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('reattachCards', () => {
  it.each([BUILD_MIME_TYPE, FLEET_MIME_TYPE])('updates the output with the display id: %s', mimeType => {
    const [output, other] = [new FakeOutput('a', mimeType, 'Building'), new FakeOutput('b', mimeType, 'Building')];
    const data = { [mimeType]: { state: 'Succeeded' }, 'text/plain': 'done' };
    send(connect(output, other), 'a', data);
    expect(output.data).toBe(data);
    expect(other.updates).toBe(0);
  });

  it('does not set data again that JupyterLab has set', () => {
    const output = new FakeOutput('a', BUILD_MIME_TYPE, 'Succeeded');
    send(connect(output), 'a', { [BUILD_MIME_TYPE]: { state: 'Succeeded' } });
    expect(output.updates).toBe(0);
  });

  it('ignores other MIME types, other messages and outputs without our metadata', () => {
    const output = new FakeOutput('a', BUILD_MIME_TYPE, 'Building');
    const panel = connect(output);
    send(panel, 'a', { 'text/plain': 'done' });
    send(panel, 'a', { [BUILD_MIME_TYPE]: { state: 'Succeeded' } }, 'display_data');
    output.metadata = {};
    send(panel, 'a', { [BUILD_MIME_TYPE]: { state: 'Succeeded' } });
    expect(output.updates).toBe(0);
  });

  it('ignores a notebook that was closed meanwhile', () => {
    const output = new FakeOutput('a', BUILD_MIME_TYPE, 'Building');
    const panel = connect(output);
    panel.isDisposed = true;
    send(panel, 'a', { [BUILD_MIME_TYPE]: { state: 'Succeeded' } });
    expect(output.updates).toBe(0);
  });
});
