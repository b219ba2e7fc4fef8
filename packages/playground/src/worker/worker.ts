/** The worker's entry: everything heavy happens here, so that the page always answers. */
import { serve } from './rpc.ts';
import { methods } from './session.ts';

serve(self, methods);
