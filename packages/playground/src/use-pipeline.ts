/** The pipeline in its two forms. Text is checked by the worker; what it understands becomes the form. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { formatItems, type Item } from './pipeline/items.ts';
import type { Call } from './worker/rpc.ts';
import type { SessionMethods } from './worker/session.ts';

export interface PipelineState {
  readonly text: string;
  readonly items: readonly Item[];
  /** What is wrong with the text. */
  readonly problem?: string;
}

/** Pauses in typing shorter than this are not worth a check. */
const pauseMs = 150;

export function usePipeline(call: Call<SessionMethods>, start: string) {
  const [state, setState] = useState<PipelineState>({ text: start, items: [] });
  const latest = useRef('');
  const check = useCallback(
    async (text: string): Promise<void> => {
      try {
        const items = await call('parse', text);
        if (latest.current === text) setState({ text, items });
      } catch (error) {
        const problem = (error as Error).message;
        if (latest.current === text) setState(({ items }) => ({ text, items, problem }));
      }
    },
    [call],
  );
  const timer = useRef(0);
  const setText = useCallback(
    (text: string): void => {
      latest.current = text;
      setState(({ items }) => ({ text, items }));
      clearTimeout(timer.current);
      timer.current = window.setTimeout(() => void check(text), pauseMs);
    },
    [check],
  );
  const setItems = useCallback(
    (items: readonly Item[]): void => {
      const text = formatItems(items);
      latest.current = text;
      setState({ text, items });
      clearTimeout(timer.current);
      timer.current = window.setTimeout(() => void check(text), pauseMs);
    },
    [check],
  );
  useEffect(() => setText(start), [setText, start]);
  return { ...state, setText, setItems };
}
