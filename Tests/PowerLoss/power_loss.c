#define _GNU_SOURCE

#include "PowerLoss.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512

// One write, or a change of length, that no sync has followed.
typedef struct {
  sqlite3_int64 offset;
  sqlite3_int64 size_before;
  int count;          // bytes written; 0 for a change of length
  int count_before;   // bytes that were there before
  unsigned char *before;
} Change;

typedef struct {
  char *path;
  Change *changes;
  int count, capacity;
} Journal;

#define MOST_FILES 64
static Journal journals[MOST_FILES];
static int journal_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

typedef struct {
  sqlite3_file base;
  int journal;  // -1 for files without a name
  sqlite3_file *real;
} File;

static sqlite3_vfs *real_vfs;

static int journal_of(const char *path) {
  for (int i = 0; i < journal_count; i++) {
    if (strcmp(journals[i].path, path) == 0) return i;
  }
  if (journal_count == MOST_FILES) abort();
  journals[journal_count] = (Journal){.path = strdup(path)};
  return journal_count++;
}

static void forget(Journal *journal) {
  for (int i = 0; i < journal->count; i++) free(journal->changes[i].before);
  journal->count = 0;
}

// With the lock held and no file open: file objects know journals by their place.
static void forget_all(void) {
  for (int i = 0; i < journal_count; i++) {
    forget(&journals[i]);
    free(journals[i].changes);
    free(journals[i].path);
  }
  journal_count = 0;
}

static void remember(File *file, sqlite3_int64 offset, int count) {
  if (file->journal < 0) return;
  Change change = {.offset = offset, .count = count};
  file->real->pMethods->xFileSize(file->real, &change.size_before);
  if (count > 0 && offset < change.size_before) {
    sqlite3_int64 rest = change.size_before - offset;
    change.count_before = rest < count ? (int)rest : count;
  } else if (count == 0 && offset < change.size_before) {
    change.count_before = (int)(change.size_before - offset);
  }
  if (change.count_before > 0) {
    change.before = malloc((size_t)change.count_before);
    file->real->pMethods->xRead(file->real, change.before, change.count_before, offset);
  }
  pthread_mutex_lock(&mutex);
  Journal *journal = &journals[file->journal];
  if (journal->count == journal->capacity) {
    journal->capacity = journal->capacity ? journal->capacity * 2 : 64;
    journal->changes = realloc(journal->changes, (size_t)journal->capacity * sizeof(Change));
  }
  journal->changes[journal->count++] = change;
  pthread_mutex_unlock(&mutex);
}

#define REAL(file) (((File *)(file))->real)

static int x_close(sqlite3_file *file) {
  int code = REAL(file)->pMethods->xClose(REAL(file));
  sqlite3_free(REAL(file));
  return code;
}
static int x_read(sqlite3_file *file, void *to, int count, sqlite3_int64 offset) {
  return REAL(file)->pMethods->xRead(REAL(file), to, count, offset);
}
static int x_write(sqlite3_file *file, const void *from, int count, sqlite3_int64 offset) {
  remember((File *)file, offset, count);
  return REAL(file)->pMethods->xWrite(REAL(file), from, count, offset);
}
static int x_truncate(sqlite3_file *file, sqlite3_int64 size) {
  remember((File *)file, size, 0);
  return REAL(file)->pMethods->xTruncate(REAL(file), size);
}
static int x_sync(sqlite3_file *file, int flags) {
  (void)flags;
  // Nothing can be lost here but by `powerloss_strike`, so the real disk need not be waited for.
  pthread_mutex_lock(&mutex);
  if (((File *)file)->journal >= 0) forget(&journals[((File *)file)->journal]);
  pthread_mutex_unlock(&mutex);
  return SQLITE_OK;
}
static int x_file_size(sqlite3_file *file, sqlite3_int64 *size) {
  return REAL(file)->pMethods->xFileSize(REAL(file), size);
}
static int x_lock(sqlite3_file *file, int level) { return REAL(file)->pMethods->xLock(REAL(file), level); }
static int x_unlock(sqlite3_file *file, int level) { return REAL(file)->pMethods->xUnlock(REAL(file), level); }
static int x_check_reserved(sqlite3_file *file, int *result) {
  return REAL(file)->pMethods->xCheckReservedLock(REAL(file), result);
}
static int x_control(sqlite3_file *file, int operation, void *argument) {
  return REAL(file)->pMethods->xFileControl(REAL(file), operation, argument);
}
static int x_sector(sqlite3_file *file) {
  (void)file;
  return SECTOR;
}
static int x_characteristics(sqlite3_file *file) {
  (void)file;
  return 0;  // promises nothing: a write may be torn
}
static int x_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **address) {
  return REAL(file)->pMethods->xShmMap(REAL(file), region, size, extend, address);
}
static int x_shm_lock(sqlite3_file *file, int offset, int count, int flags) {
  return REAL(file)->pMethods->xShmLock(REAL(file), offset, count, flags);
}
static void x_shm_barrier(sqlite3_file *file) { REAL(file)->pMethods->xShmBarrier(REAL(file)); }
static int x_shm_unmap(sqlite3_file *file, int remove) {
  return REAL(file)->pMethods->xShmUnmap(REAL(file), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_file_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_characteristics,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

static int x_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *result, int flags, int *out_flags) {
  (void)vfs;
  File *file = (File *)result;
  memset(file, 0, sizeof(File));
  file->real = sqlite3_malloc(real_vfs->szOsFile);
  if (!file->real) return SQLITE_NOMEM;
  memset(file->real, 0, (size_t)real_vfs->szOsFile);
  int code = real_vfs->xOpen(real_vfs, path, file->real, flags, out_flags);
  if (code != SQLITE_OK) {
    sqlite3_free(file->real);
    return code;
  }
  pthread_mutex_lock(&mutex);
  file->journal = path ? journal_of(path) : -1;
  pthread_mutex_unlock(&mutex);
  file->base.pMethods = &methods;
  return SQLITE_OK;
}

int powerloss_register(void) {
  static sqlite3_vfs vfs;
  if (real_vfs) return SQLITE_OK;
  real_vfs = sqlite3_vfs_find(NULL);
  vfs = *real_vfs;
  vfs.zName = "powerloss";
  vfs.szOsFile = sizeof(File);
  vfs.pNext = NULL;
  vfs.xOpen = x_open;
  return sqlite3_vfs_register(&vfs, 0);
}

void powerloss_synced(const char *path) {
  pthread_mutex_lock(&mutex);
  forget(&journals[journal_of(path)]);
  pthread_mutex_unlock(&mutex);
}

void powerloss_reset(void) {
  pthread_mutex_lock(&mutex);
  forget_all();
  pthread_mutex_unlock(&mutex);
}

static uint64_t next(uint64_t *state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// Puts back what stood where a write has gone: all of it, or its second part from a sector on.
static int undo(int descriptor, const Change *change, uint64_t *state) {
  uint64_t fate = next(state) % 3;
  if (fate == 0) return 0;
  if (change->count == 0) {  // a change of length
    if (change->before && pwrite(descriptor, change->before, (size_t)change->count_before, change->offset) < 0) return 1;
    return 1;
  }
  sqlite3_int64 kept = 0;
  if (fate == 1 && change->count > SECTOR) {
    kept = (sqlite3_int64)(next(state) % (uint64_t)(change->count / SECTOR)) * SECTOR;
  }
  if (change->count_before > kept) {
    size_t count = (size_t)(change->count_before - kept);
    if (pwrite(descriptor, change->before + kept, count, change->offset + kept) < 0) return 1;
  }
  // What was past the end before is zeros now: the length is known, the content is not.
  sqlite3_int64 from = kept > change->count_before ? kept : change->count_before;
  if (change->count > from) {
    size_t count = (size_t)(change->count - from);
    unsigned char *zeros = calloc(1, count);
    if (pwrite(descriptor, zeros, count, change->offset + from) < 0) {
      free(zeros);
      return 1;
    }
    free(zeros);
  }
  return 1;
}

int powerloss_strike(uint64_t seed) {
  int lost = 0;
  pthread_mutex_lock(&mutex);
  for (int i = 0; i < journal_count; i++) {
    Journal *journal = &journals[i];
    size_t length = strlen(journal->path);
    char *shared = malloc(length + 5);
    memcpy(shared, journal->path, length);
    memcpy(shared + length, "-shm", 5);
    unlink(shared);
    free(shared);
    int descriptor = open(journal->path, O_RDWR | O_CLOEXEC);
    if (descriptor >= 0) {
      for (int j = journal->count - 1; j >= 0; j--) lost += undo(descriptor, &journal->changes[j], &seed);
      close(descriptor);
    }
  }
  forget_all();
  pthread_mutex_unlock(&mutex);
  return lost;
}
