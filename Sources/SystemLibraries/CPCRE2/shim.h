// PCRE2 takes its code unit width from a macro that must precede the header.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
