#include <jansson.h>
/* For malloc_trim: what a large document leaves behind. */
#include <malloc.h>
