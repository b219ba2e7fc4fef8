/**
 * Data sets from files: a folder of class folders with images, or one `*_x.npy` with its `*_y.npy`.
 * A `preprocess.json` beside the data, e.g. `{ "mean": [0.49, 0.48, 0.45], "std": [0.25, 0.24, 0.26] }`, gives the
 * normalisation unless the caller does.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { allocate, DataError, messageOf, parseNpy, tensor, type Tensor } from '@decouple/tensor';
import { z } from 'zod';
import { channelValues, tensorDataset, type Dataset, type Preprocess } from '../dataset.ts';

const preprocessSchema = z.looseObject({
  mean: z.array(z.number()).optional(),
  std: z.array(z.number()).optional(),
});

/** The normalisation in `preprocess.json` of a folder, or of the folder that holds a file; `undefined` when there is none. */
export function readPreprocess(path: string): Preprocess | undefined {
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : dirname(path);
  const file = join(folder, 'preprocess.json');
  if (!existsSync(file)) return undefined;
  try {
    const { mean, std } = preprocessSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return { ...(mean ? { mean } : {}), ...(std ? { std } : {}) };
  } catch (error) {
    throw new DataError(
      `${file}: expected { "mean": [numbers], "std": [numbers] }: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Reads a `.npy` file. @throws DataError naming the file. */
export function readNpy(path: string): Tensor {
  try {
    return parseNpy(readFileSync(path), path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: can't be read: ${messageOf(error)}`, { cause: error });
  }
}

const imageTypes = new Set(['.png', '.jpg', '.jpeg', '.webp', '.gif', '.tif', '.tiff', '.avif']);
const isImage = (name: string): boolean => imageTypes.has(extname(name).toLowerCase());

/** What is decoded, whatever a file is called: formats that are programs, as SVG and PDF, are not. */
const imageFormats: ReadonlySet<string> = new Set(['png', 'jpeg', 'webp', 'gif', 'tiff', 'heif']);
/** Pixels beyond which a file is taken for a bomb: a few bytes can claim any number. */
const maxPixels = 1e8;

interface ImageFile {
  readonly path: string;
  readonly label: number;
}

function listImages(folder: string): ImageFile[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  const classes = entries.filter((entry) => entry.isDirectory());
  if (classes.length === 0)
    return entries
      .filter(({ name }) => isImage(name))
      .map(({ name }) => ({ path: join(folder, name), label: -1 }));
  return classes.flatMap(({ name }, label) =>
    readdirSync(join(folder, name))
      .filter(isImage)
      .sort()
      .map((file) => ({ path: join(folder, name, file), label })),
  );
}

export interface FolderOptions {
  /** Shape that the network wants, `[channels, rows, columns]`: images are resized to cover it and cropped at the centre. */
  readonly sampleShape?: readonly number[];
  readonly preprocess?: Preprocess;
}

async function decodeImage(
  path: string,
  shape: readonly [number, number, number],
  mean: readonly number[],
  std: readonly number[],
): Promise<Float32Array> {
  const [channels, rows, columns] = shape;
  try {
    // Loaded with the first image: arrays don't need it, and its native code takes a while.
    const { default: sharp } = await import('sharp');
    const source = sharp(path, { limitInputPixels: maxPixels });
    const { format } = await source.metadata();
    if (!imageFormats.has(format)) throw new Error(`it holds ${format}`);
    const image = source.rotate().removeAlpha().resize(columns, rows, { fit: 'cover' });
    const raw = await (channels === 1 ? image.greyscale() : image.toColourspace('srgb'))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const out = new Float32Array(channels * rows * columns);
    for (let channel = 0; channel < channels; channel++)
      for (let pixel = 0; pixel < rows * columns; pixel++)
        out[channel * rows * columns + pixel] =
          ((raw.data[pixel * raw.info.channels + channel] as number) / 255 -
            (mean[channel] as number)) /
          (std[channel] as number);
    return out;
  } catch (error) {
    throw new DataError(`${path}: not a readable image: ${messageOf(error)}`, { cause: error });
  }
}

function imageDataset(
  folder: string,
  files: readonly ImageFile[],
  options: FolderOptions,
): Dataset {
  const [channels, rows, columns] = options.sampleShape ?? [];
  if (channels === undefined || rows === undefined || columns === undefined)
    throw new DataError(
      `${folder}: the size of images is unknown; the network's input must be [N, channels, rows, columns] with known sizes`,
    );
  const preprocess = options.preprocess ?? readPreprocess(folder) ?? {};
  const mean = channelValues(preprocess.mean, channels, 0, `${folder}: mean`);
  const std = channelValues(preprocess.std, channels, 1, `${folder}: std`);
  const size = channels * rows * columns;
  return {
    name: folder,
    samples: files.length,
    sampleShape: [channels, rows, columns],
    ...(files.every(({ label }) => label >= 0) ? { labels: files.map(({ label }) => label) } : {}),
    async batch(indices) {
      const out = allocate('float32', indices.length * size);
      const images = await Promise.all(
        indices.map((index) =>
          decodeImage((files[index] as ImageFile).path, [channels, rows, columns], mean, std),
        ),
      );
      images.forEach((image, place) => out.set(image, place * size));
      return tensor('float32', [indices.length, channels, rows, columns], out);
    },
  };
}

/**
 * Opens a data set: a folder of class folders with images, a folder of images, a folder with one `*_x.npy` (and
 * `*_y.npy`), or a `.npy` file.
 * @throws DataError when there is nothing usable, naming what was looked for.
 */
export function openDataset(path: string, options: FolderOptions = {}): Dataset {
  const info = statSync(path, { throwIfNoEntry: false });
  if (!info) throw new DataError(`${path}: no such file or folder`);
  const preprocess = options.preprocess ?? readPreprocess(path) ?? {};
  if (info.isFile()) return tensorDataset(readNpy(path), labelsBeside(path), preprocess, path);
  const arrays = readdirSync(path).filter((name) => name.endsWith('_x.npy'));
  if (arrays.length > 1)
    throw new DataError(
      `${path}: holds several *_x.npy (${arrays.join(', ')}); name the one to use`,
    );
  const [array] = arrays;
  if (array !== undefined)
    return tensorDataset(
      readNpy(join(path, array)),
      labelsBeside(join(path, array)),
      preprocess,
      path,
    );
  const files = listImages(path);
  if (files.length === 0)
    throw new DataError(`${path}: holds neither images (in class folders) nor one *_x.npy`);
  return imageDataset(path, files, { ...options, preprocess });
}

function labelsBeside(file: string): Tensor | undefined {
  if (!file.endsWith('_x.npy')) return undefined;
  const labels = join(dirname(file), basename(file).replace(/_x\.npy$/, '_y.npy'));
  return existsSync(labels) ? readNpy(labels) : undefined;
}
