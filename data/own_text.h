/* data/own_text.h -- the corpus of a person's own, in the town's place.
 * SPDX-License-Identifier: MIT
 */
#ifndef CAI_OWN_TEXT_H
#define CAI_OWN_TEXT_H

/* The documents of the file `text` as a corpus, and a part of them held out, if there are enough:
 * for the perplexity that the stage eval measures. */
void own_corpus(const char *text, const char *corpus, const char *held_out);

#endif
