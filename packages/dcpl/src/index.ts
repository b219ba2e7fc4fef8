export { encodeDcpl } from './encode.ts';
export { decodeDcpl } from './decode.ts';
