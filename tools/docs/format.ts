import { format, resolveConfig } from 'prettier';

/** Markdown as the repository keeps it. @param path the file it is for, whose settings apply. */
export const formatMarkdown = async (text: string, path: string): Promise<string> =>
  format(text, { ...(await resolveConfig(path)), parser: 'markdown' });
