/** What a compiled file says about itself. */
import type { Order } from '../packing.ts';

/** How the numbers of a constant are stored: as they are, in half precision, or as 8-bit steps of each channel. */
export type Storage = 'f32' | 'f16' | 'i8' | 'i32';

/** A constant in the section of weights. */
export interface StoredConstant {
  readonly storage: Storage;
  /** Bytes from the start of the section. */
  readonly at: number;
  readonly length: number;
  /** Of i8: output channels, each with a float32 step before the values. */
  readonly channels?: number;
}

/** A place for packed weights: `constant` is packed there in `order`. */
export interface Block {
  readonly address: number;
  readonly floats: number;
  readonly constant: number;
  readonly order: Order;
}

export interface Port {
  readonly name: string;
  readonly shape: readonly number[];
  readonly address: number;
}

export interface Manifest {
  readonly pages: number;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly constants: readonly StoredConstant[];
  readonly blocks: readonly Block[];
}
