#ifndef POWER_LOSS_H
#define POWER_LOSS_H

#include <stddef.h>
#include <stdint.h>

// A file system for SQLite that forgets what was not synced: it passes everything on to the usual one, and remembers, for
// each file, what stood where a write since the last sync has gone. `powerloss_strike` then puts some of that back, as a
// disk does that had not got round to it.

// Registers the file system under the name "powerloss"; 0 where that worked.
int powerloss_register(void);

// Everything written to this path so far counts as synced: for files that something else than SQLite syncs.
void powerloss_synced(const char *path);

// The power fails. Of each file's writes since its last sync every one is kept, lost or torn at a sector, by a generator
// that `seed` starts, and the memory that processes share is gone. All connections must be closed.
// Returns how many writes were lost in whole or in part.
int powerloss_strike(uint64_t seed);

// Forgets all that was remembered. All connections must be closed.
void powerloss_reset(void);

#endif
