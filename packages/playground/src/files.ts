/** Files of the user's: pictures in, downloads out. They never leave the machine. */
import type { Picture } from './worker/pictures.ts';

/** Offers a file for download. */
export function download(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  // Some browsers start to read only after the click has been dealt with.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** The middle of a picture, scaled to fill `rows`×`columns`. @throws when the browser can't read it. */
export async function readPicture(
  file: File,
  [rows, columns]: readonly [number, number],
): Promise<Picture> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name}: the browser can't read it as a picture`);
  });
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext('2d');
  if (!context) throw new Error(`${file.name}: the browser gives no canvas to scale it on`);
  const scale = Math.max(columns / bitmap.width, rows / bitmap.height);
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, (columns - width) / 2, (rows - height) / 2, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, columns, rows);
  return { name: file.name, width: columns, height: rows, pixels: data };
}
