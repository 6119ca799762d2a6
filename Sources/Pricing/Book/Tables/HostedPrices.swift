extension ShippedTables {
  /// Hosted models, as CSV. Written by Tests/Fixtures/pricing/convert_prices.py; the columns are explained there and
  /// where the table is read.
  static var hosted: String {
    #"""
    # unit: USD per 1,000,000 tokens
    # as_of: 2026-11-23
    # sources: litellm = PyPI litellm 1.109.1, litellm/model_prices_and_context_window_backup.json
    # sources: genai-prices = PyPI genai-prices 0.2.3, genai_prices/data.py
    # precedence: genai-prices value when both list the model (it carries dated history); otherwise litellm
    # tier_semantics: cliff: when prompt tokens exceed above_input_tokens the tier rate applies to ALL tokens of the request (genai_prices/types.py TieredPrices docstring)
    # as_of_note: as_of = day the two catalogues were read from disk; genai-prices 0.2.3 carries start dates up to 2026-11-09 (plus announced future ones), litellm 1.109.1 was the latest on PyPI that day; neither proves the vendor page on that day
    line,provider,model,mode,currency,from,status,above_input_tokens,utc_start,utc_end,input_per_mtok,cached_input_per_mtok,output_per_mtok,batch_input_per_mtok,batch_output_per_mtok,context_window,retires,deprecated,single_source,as_of,source
    model,openai,gpt-4,chat,USD,,,,,,30.0,,60.0,15.0,30.0,8192,2026-10-23,,false,2026-11-23,litellm 1.109.1:gpt-4; genai-prices 0.2.3:openai/gpt-4
    model,openai,gpt-4-turbo,chat,USD,,,,,,10.0,,30.0,5.0,15.0,128000,2026-10-23,,false,2026-11-23,litellm 1.109.1:gpt-4-turbo-2024-04-09; genai-prices 0.2.3:openai/gpt-4-turbo
    model,openai,gpt-3.5-turbo,chat,USD,,,,,,0.5,,1.5,0.25,0.75,16385,2026-10-23,,false,2026-11-23,litellm 1.109.1:gpt-3.5-turbo-0125; genai-prices 0.2.3:openai/gpt-3.5-turbo
    model,openai,gpt-4o,chat,USD,,,,,,2.5,1.25,10.0,1.25,5.0,128000,,,false,2026-11-23,litellm 1.109.1:gpt-4o; genai-prices 0.2.3:openai/gpt-4o
    model,openai,gpt-4o-mini,chat,USD,,,,,,0.15,0.075,0.6,0.075,0.3,128000,,,false,2026-11-23,litellm 1.109.1:gpt-4o-mini; genai-prices 0.2.3:openai/gpt-4o-mini
    model,openai,gpt-4.1,chat,USD,,,,,,2.0,0.5,8.0,1.0,4.0,1047576,,,false,2026-11-23,litellm 1.109.1:gpt-4.1; genai-prices 0.2.3:openai/gpt-4.1
    stated,openai,gpt-4.1,,,,,,,,,,,,,1047576,,,,,litellm
    stated,openai,gpt-4.1,,,,,,,,,,,,,1000000,,,,,genai_prices
    model,openai,gpt-4.1-mini,chat,USD,,,,,,0.4,0.1,1.6,0.2,0.8,1047576,,,false,2026-11-23,litellm 1.109.1:gpt-4.1-mini; genai-prices 0.2.3:openai/gpt-4.1-mini
    stated,openai,gpt-4.1-mini,,,,,,,,,,,,,1047576,,,,,litellm
    stated,openai,gpt-4.1-mini,,,,,,,,,,,,,1000000,,,,,genai_prices
    model,openai,gpt-4.1-nano,chat,USD,,,,,,0.1,0.025,0.4,0.05,0.2,1047576,2026-10-23,,false,2026-11-23,litellm 1.109.1:gpt-4.1-nano; genai-prices 0.2.3:openai/gpt-4.1-nano
    stated,openai,gpt-4.1-nano,,,,,,,,,,,,,1047576,,,,,litellm
    stated,openai,gpt-4.1-nano,,,,,,,,,,,,,1000000,,,,,genai_prices
    model,openai,gpt-5,chat,USD,,,,,,1.25,0.125,10.0,0.625,5.0,272000,2026-12-11,,false,2026-11-23,litellm 1.109.1:gpt-5; genai-prices 0.2.3:openai/gpt-5
    stated,openai,gpt-5,,,,,,,,,,,,,272000,,,,,litellm
    stated,openai,gpt-5,,,,,,,,,,,,,400000,,,,,genai_prices
    model,openai,gpt-5-mini,chat,USD,,,,,,0.25,0.025,2.0,0.125,1.0,272000,2026-12-11,,false,2026-11-23,litellm 1.109.1:gpt-5-mini; genai-prices 0.2.3:openai/gpt-5-mini
    stated,openai,gpt-5-mini,,,,,,,,,,,,,272000,,,,,litellm
    stated,openai,gpt-5-mini,,,,,,,,,,,,,400000,,,,,genai_prices
    model,openai,gpt-5-nano,chat,USD,,,,,,0.05,0.005,0.4,0.025,0.2,272000,2026-12-11,,false,2026-11-23,litellm 1.109.1:gpt-5-nano; genai-prices 0.2.3:openai/gpt-5-nano
    stated,openai,gpt-5-nano,,,,,,,,,,,,,272000,,,,,litellm
    stated,openai,gpt-5-nano,,,,,,,,,,,,,400000,,,,,genai_prices
    model,openai,gpt-5.4-mini,chat,USD,,,,,,0.75,0.075,4.5,0.375,2.25,272000,,,false,2026-11-23,litellm 1.109.1:gpt-5.4-mini; genai-prices 0.2.3:openai/gpt-5.4-mini
    stated,openai,gpt-5.4-mini,,,,,,,,,,,,,272000,,,,,litellm
    stated,openai,gpt-5.4-mini,,,,,,,,,,,,,400000,,,,,genai_prices
    model,openai,gpt-5.4-nano,chat,USD,,,,,,0.2,0.02,1.25,0.1,0.625,272000,2027-04-01,,false,2026-11-23,litellm 1.109.1:gpt-5.4-nano; genai-prices 0.2.3:openai/gpt-5.4-nano
    stated,openai,gpt-5.4-nano,,,,,,,,,,,,,272000,,,,,litellm
    stated,openai,gpt-5.4-nano,,,,,,,,,,,,,400000,,,,,genai_prices
    model,openai,gpt-5.5,chat,USD,,,,,,5.0,0.5,30.0,2.5,15.0,1050000,,,false,2026-11-23,litellm 1.109.1:gpt-5.5; genai-prices 0.2.3:openai/gpt-5.5
    tier,openai,gpt-5.5,,,,,272000,,,10.0,,45.0,,,,,,,,
    stated,openai,gpt-5.5,,,,,,,,,,,,,1050000,,,,,litellm
    stated,openai,gpt-5.5,,,,,,,,,,,,,1000000,,,,,genai_prices
    model,openai,gpt-5.6-luna,chat,USD,2026-07-30,,,,,0.2,0.02,1.2,0.1,0.6,922000,,,false,2026-11-23,litellm 1.109.1:gpt-5.6-luna; genai-prices 0.2.3:openai/gpt-5.6-luna
    tier,openai,gpt-5.6-luna,,,2026-07-30,,272000,,,0.4,,1.8,,,,,,,,
    price,openai,gpt-5.6-luna,,,,,,,,1.0,,6.0,,,,,,,,
    tier,openai,gpt-5.6-luna,,,,,272000,,,,,,,,,,,,,
    stated,openai,gpt-5.6-luna,,,,,,,,,,,,,922000,,,,,litellm
    stated,openai,gpt-5.6-luna,,,,,,,,,,,,,1050000,,,,,genai_prices
    model,openai,gpt-6-luna,chat,USD,,,,,,0.1,0.01,0.5,0.05,0.25,922000,,,false,2026-11-23,litellm 1.109.1:gpt-6-luna; genai-prices 0.2.3:openai/gpt-6-luna
    tier,openai,gpt-6-luna,,,,,272000,,,0.2,,0.75,,,,,,,,
    stated,openai,gpt-6-luna,,,,,,,,,,,,,922000,,,,,litellm
    stated,openai,gpt-6-luna,,,,,,,,,,,,,1050000,,,,,genai_prices
    model,openai,gpt-6-sol,chat,USD,,,,,,2.0,0.2,10.0,1.0,5.0,922000,,,false,2026-11-23,litellm 1.109.1:gpt-6-sol; genai-prices 0.2.3:openai/gpt-6-sol
    tier,openai,gpt-6-sol,,,,,272000,,,4.0,,15.0,,,,,,,,
    stated,openai,gpt-6-sol,,,,,,,,,,,,,922000,,,,,litellm
    stated,openai,gpt-6-sol,,,,,,,,,,,,,1050000,,,,,genai_prices
    model,openai,gpt-6.1-sol,chat,USD,,,,,,2.0,0.1,10.0,1.0,5.0,922000,,,false,2026-11-23,litellm 1.109.1:gpt-6.1-sol; genai-prices 0.2.3:openai/gpt-6.1-sol
    tier,openai,gpt-6.1-sol,,,,,272000,,,4.0,,15.0,,,,,,,,
    stated,openai,gpt-6.1-sol,,,,,,,,,,,,,922000,,,,,litellm
    stated,openai,gpt-6.1-sol,,,,,,,,,,,,,1050000,,,,,genai_prices
    model,openai,gpt-6.1-terra,chat,USD,,,,,,1.0,0.05,5.0,0.5,2.5,922000,,,false,2026-11-23,litellm 1.109.1:gpt-6.1-terra; genai-prices 0.2.3:openai/gpt-6.1-terra
    tier,openai,gpt-6.1-terra,,,,,272000,,,2.0,,7.5,,,,,,,,
    stated,openai,gpt-6.1-terra,,,,,,,,,,,,,922000,,,,,litellm
    stated,openai,gpt-6.1-terra,,,,,,,,,,,,,1050000,,,,,genai_prices
    model,openai,gpt-6-astra,chat,USD,,,,,,10.0,1.0,50.0,5.0,25.0,922000,,,false,2026-11-23,litellm 1.109.1:gpt-6-astra; genai-prices 0.2.3:openai/gpt-6-astra
    tier,openai,gpt-6-astra,,,,,272000,,,20.0,,75.0,,,,,,,,
    stated,openai,gpt-6-astra,,,,,,,,,,,,,922000,,,,,litellm
    stated,openai,gpt-6-astra,,,,,,,,,,,,,1050000,,,,,genai_prices
    model,anthropic,claude-haiku-4-5,chat,USD,,,,,,1.0,0.1,5.0,0.5,2.5,200000,,,false,2026-11-23,litellm 1.109.1:claude-haiku-4-5; genai-prices 0.2.3:anthropic/claude-haiku-4-5
    model,anthropic,claude-haiku-5-5,chat,USD,,,,,,0.1,0.01,0.5,0.05,0.25,1000000,,,false,2026-11-23,litellm 1.109.1:claude-haiku-5-5; genai-prices 0.2.3:anthropic/claude-haiku-5-5
    tier,anthropic,claude-haiku-5-5,,,,,100000,,,0.5,,2.5,,,,,,,,
    model,anthropic,claude-sonnet-4-5,chat,USD,,,,,,3.0,0.3,15.0,1.5,7.5,200000,2026-11-30,,false,2026-11-23,litellm 1.109.1:claude-sonnet-4-5; genai-prices 0.2.3:anthropic/claude-sonnet-4-5
    tier,anthropic,claude-sonnet-4-5,,,,,200000,,,6.0,,22.5,,,,,,,,
    model,anthropic,claude-sonnet-5,chat,USD,,,,,,2.0,0.2,10.0,1.0,5.0,1000000,,,false,2026-11-23,litellm 1.109.1:claude-sonnet-5; genai-prices 0.2.3:anthropic/claude-sonnet-5
    model,anthropic,claude-sonnet-5-5,chat,USD,,,,,,2.0,0.1,10.0,1.0,5.0,1000000,,,false,2026-11-23,litellm 1.109.1:claude-sonnet-5-5; genai-prices 0.2.3:anthropic/claude-sonnet-5-5
    model,anthropic,claude-opus-5-5,chat,USD,,,,,,4.0,0.2,20.0,2.0,10.0,1000000,,,false,2026-11-23,litellm 1.109.1:claude-opus-5-5; genai-prices 0.2.3:anthropic/claude-opus-5-5
    model,google,gemini-2.5-flash-lite,chat,USD,,,,,,0.1,0.01,0.4,0.05,0.2,1048576,,,false,2026-11-23,litellm 1.109.1:gemini/gemini-2.5-flash-lite; genai-prices 0.2.3:google/gemini-2.5-flash-lite
    stated,google,gemini-2.5-flash-lite,,,,,,,,,,,,,1048576,,,,,litellm
    stated,google,gemini-2.5-flash-lite,,,,,,,,,,,,,1000000,,,,,genai_prices
    model,google,gemini-2.5-flash,chat,USD,,,,,,0.3,0.03,2.5,0.15,1.25,1048576,,,false,2026-11-23,litellm 1.109.1:gemini/gemini-2.5-flash; genai-prices 0.2.3:google/gemini-2.5-flash
    model,google,gemini-2.5-pro,chat,USD,,,,,,1.25,0.125,10.0,0.625,5.0,1048576,,,false,2026-11-23,litellm 1.109.1:gemini/gemini-2.5-pro; genai-prices 0.2.3:google/gemini-2.5-pro
    tier,google,gemini-2.5-pro,,,,,200000,,,2.5,,15.0,,,,,,,,
    model,google,gemini-3.1-flash-lite,chat,USD,,,,,,0.25,0.025,1.5,0.125,0.75,1048576,2027-05-07,,false,2026-11-23,litellm 1.109.1:gemini/gemini-3.1-flash-lite; genai-prices 0.2.3:google/gemini-3.1-flash-lite
    stated,google,gemini-3.1-flash-lite,,,,,,,,,,,,,1048576,,,,,litellm
    stated,google,gemini-3.1-flash-lite,,,,,,,,,,,,,1000000,,,,,genai_prices
    model,google,gemini-3.5-flash-lite,chat,USD,,,,,,0.3,0.03,2.5,0.15,1.25,1048576,,,false,2026-11-23,litellm 1.109.1:gemini/gemini-3.5-flash-lite; genai-prices 0.2.3:google/gemini-3.5-flash-lite
    stated,google,gemini-3.5-flash-lite,,,,,,,,,,,,,1048576,,,,,litellm
    stated,google,gemini-3.5-flash-lite,,,,,,,,,,,,,1000000,,,,,genai_prices
    model,google,gemini-3.5-flash,chat,USD,,,,,,1.5,0.15,9.0,0.75,4.5,1048576,,,false,2026-11-23,litellm 1.109.1:gemini/gemini-3.5-flash; genai-prices 0.2.3:google/gemini-3.5-flash
    stated,google,gemini-3.5-flash,,,,,,,,,,,,,1048576,,,,,litellm
    stated,google,gemini-3.5-flash,,,,,,,,,,,,,1000000,,,,,genai_prices
    model,google,gemini-3.8-flash,chat,USD,,,,,,0.75,0.075,3.75,0.375,1.875,1048576,,,false,2026-11-23,litellm 1.109.1:gemini/gemini-3.8-flash; genai-prices 0.2.3:google/gemini-3.8-flash
    price,google,gemini-3.8-flash,,,2027-01-01,announced,,,,1.5,,7.5,,,,,,,,
    stated,google,gemini-3.8-flash,,,,,,,,,,,,,1048576,,,,,litellm
    stated,google,gemini-3.8-flash,,,,,,,,,,,,,1000000,,,,,genai_prices
    model,google,gemini-3.1-pro-preview,chat,USD,,,,,,2.0,0.2,12.0,1.0,6.0,1048576,,,false,2026-11-23,litellm 1.109.1:gemini/gemini-3.1-pro-preview; genai-prices 0.2.3:google/gemini-3.1-pro-preview
    tier,google,gemini-3.1-pro-preview,,,,,200000,,,4.0,,18.0,,,,,,,,
    model,google,gemini-4-argon,chat,USD,,,,,,2.0,0.1,10.0,1.0,5.0,1048576,,,false,2026-11-23,litellm 1.109.1:gemini/gemini-4-argon; genai-prices 0.2.3:google/gemini-4-argon
    price,google,gemini-4-argon,,,2026-12-01,announced,,,,4.0,,20.0,,,,,,,,
    model,mistral,ministral-3b-2512,chat,USD,,,,,,0.1,0.01,0.1,0.05,0.05,131072,,,false,2026-11-23,litellm 1.109.1:mistral/ministral-3b-2512; genai-prices 0.2.3:mistral/ministral-3b-2512
    model,mistral,ministral-8b-2512,chat,USD,,,,,,0.15,0.015,0.15,0.075,0.075,262144,,,false,2026-11-23,litellm 1.109.1:mistral/ministral-8b-2512; genai-prices 0.2.3:mistral/ministral-8b-2512
    model,mistral,mistral-small-2603,chat,USD,,,,,,0.15,0.015,0.6,0.075,0.3,262144,,,false,2026-11-23,litellm 1.109.1:mistral/mistral-small-2603; genai-prices 0.2.3:mistral/mistral-small-2603
    model,mistral,mistral-medium-3-5,chat,USD,,,,,,1.5,0.15,7.5,0.75,3.75,262144,,,false,2026-11-23,litellm 1.109.1:mistral/mistral-medium-3-5; genai-prices 0.2.3:mistral/mistral-medium-3-5
    model,mistral,mistral-large-4,chat,USD,2026-10-29,,,,,0.7,0.07,2.1,0.34,1.045,1048576,,,false,2026-11-23,litellm 1.109.1:mistral/mistral-large-4; genai-prices 0.2.3:mistral/mistral-large-4
    price,mistral,mistral-large-4,,,,,,,,0.68,,2.09,,,,,,,,
    price,mistral,mistral-large-4,,,2026-10-20,,,,,1.36,,4.18,,,,,,,,
    stated,mistral,mistral-large-4,,,,,,,,1.36,0.14,4.18,,,,,,,,litellm
    stated,mistral,mistral-large-4,,,,,,,,0.7,0.07,2.1,,,,,,,,genai_prices
    model,mistral,mistral-nemo,chat,USD,,,,,,0.15,,0.15,,,128000,,,false,2026-11-23,litellm 1.109.1:mistral/open-mistral-nemo; genai-prices 0.2.3:mistral/mistral-nemo
    stated,mistral,mistral-nemo,,,,,,,,0.3,,0.3,,,,,,,,litellm
    stated,mistral,mistral-nemo,,,,,,,,0.15,,0.15,,,,,,,,genai_prices
    model,deepseek,deepseek-chat,chat,USD,,,,,,0.135,0.035,0.55,,,131072,2026-07-24,,false,2026-11-23,litellm 1.109.1:deepseek/deepseek-chat; genai-prices 0.2.3:deepseek/deepseek-chat
    hours,deepseek,deepseek-chat,,,,,,00:30,16:30,0.27,,1.1,,,,,,,,
    stated,deepseek,deepseek-chat,,,,,,,,0.28,0.028,0.42,,,131072,,,,,litellm
    stated,deepseek,deepseek-chat,,,,,,,,0.135,0.035,0.55,,,64000,,,,,genai_prices
    model,deepseek,deepseek-v4-flash,chat,USD,2026-09-10,,,,,0.15,0.003,0.6,,,1000000,,,false,2026-11-23,litellm 1.109.1:deepseek/deepseek-v4-flash; genai-prices 0.2.3:deepseek/deepseek-v4-flash
    hours,deepseek,deepseek-v4-flash,,,2026-09-10,,,01:00,04:00,0.3,,1.2,,,,,,,,
    hours,deepseek,deepseek-v4-flash,,,2026-09-10,,,06:00,10:00,0.3,,1.2,,,,,,,,
    price,deepseek,deepseek-v4-flash,,,,,,,,0.14,,0.28,,,,,,,,
    hours,deepseek,deepseek-v4-flash,,,,,,01:00,04:00,,,,,,,,,,,
    hours,deepseek,deepseek-v4-flash,,,,,,06:00,10:00,,,,,,,,,,,
    price,deepseek,deepseek-v4-flash,,,2026-08-17,,,,,0.22,,0.66,,,,,,,,
    hours,deepseek,deepseek-v4-flash,,,2026-08-17,,,01:00,04:00,,,,,,,,,,,
    hours,deepseek,deepseek-v4-flash,,,2026-08-17,,,06:00,10:00,,,,,,,,,,,
    stated,deepseek,deepseek-v4-flash,,,,,,,,0.3,0.006,1.2,,,,,,,,litellm
    stated,deepseek,deepseek-v4-flash,,,,,,,,0.15,0.003,0.6,,,,,,,,genai_prices
    model,deepseek,deepseek-v4-pro,chat,USD,2026-08-17,,,,,0.66,0.022,1.98,,,1000000,,,false,2026-11-23,litellm 1.109.1:deepseek/deepseek-v4-pro; genai-prices 0.2.3:deepseek/deepseek-v4-pro
    hours,deepseek,deepseek-v4-pro,,,2026-08-17,,,01:00,04:00,1.32,,3.96,,,,,,,,
    hours,deepseek,deepseek-v4-pro,,,2026-08-17,,,06:00,10:00,1.32,,3.96,,,,,,,,
    price,deepseek,deepseek-v4-pro,,,,,,,,0.435,,0.87,,,,,,,,
    hours,deepseek,deepseek-v4-pro,,,,,,01:00,04:00,,,,,,,,,,,
    hours,deepseek,deepseek-v4-pro,,,,,,06:00,10:00,,,,,,,,,,,
    stated,deepseek,deepseek-v4-pro,,,,,,,,1.32,0.044,3.96,,,,,,,,litellm
    stated,deepseek,deepseek-v4-pro,,,,,,,,0.66,0.022,1.98,,,,,,,,genai_prices
    model,groq,llama-3.1-8b-instant,chat,USD,,,,,,0.05,,0.08,,,,,,true,2026-11-23,genai-prices 0.2.3:groq/llama-3.1-8b-instant
    model,groq,openai/gpt-oss-20b,chat,USD,,,,,,0.075,0.0375,0.3,0.0375,0.15,131072,,,false,2026-11-23,litellm 1.109.1:groq/openai/gpt-oss-20b; genai-prices 0.2.3:groq/openai/gpt-oss-20b
    model,groq,qwen/qwen3.8-27b,chat,USD,,,,,,0.8,,4.0,,,131072,,,false,2026-11-23,litellm 1.109.1:groq/qwen/qwen3.8-27b; genai-prices 0.2.3:groq/qwen/qwen3.8-27b
    model,cerebras,llama3.1-8b,chat,USD,,,,,,0.1,,0.1,,,128000,2026-05-27,true,false,2026-11-23,litellm 1.109.1:cerebras/llama3.1-8b; genai-prices 0.2.3:cerebras/llama3.1-8b
    stated,cerebras,llama3.1-8b,,,,,,,,,,,,,128000,,,,,litellm
    stated,cerebras,llama3.1-8b,,,,,,,,,,,,,32768,,,,,genai_prices
    model,together,meta-llama/Llama-3.2-1B-Instruct,chat,USD,,,,,,0.06,,0.06,,,131072,,,true,2026-11-23,litellm 1.109.1:together_ai/meta-llama/Llama-3.2-1B-Instruct
    model,together,meta-llama/Llama-3.2-3B-Instruct,chat,USD,,,,,,0.06,,0.06,,,131072,,,true,2026-11-23,litellm 1.109.1:together_ai/meta-llama/Llama-3.2-3B-Instruct
    model,together,meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo,chat,USD,,,,,,0.18,,0.18,,,131072,2026-03-06,,false,2026-11-23,litellm 1.109.1:together_ai/meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo; genai-prices 0.2.3:together/meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo
    model,together,Qwen/Qwen2-1.5B-Instruct,chat,USD,,,,,,0.02,,0.02,,,32768,,,true,2026-11-23,litellm 1.109.1:together_ai/Qwen/Qwen2-1.5B-Instruct
    model,together,Qwen/Qwen2.5-7B-Instruct-Turbo,chat,USD,,,,,,0.3,,0.3,,,32768,,,true,2026-11-23,litellm 1.109.1:together_ai/Qwen/Qwen2.5-7B-Instruct-Turbo
    model,together,Qwen/Qwen3.5-9B,chat,USD,,,,,,0.17,,0.25,,,262144,,,true,2026-11-23,genai-prices 0.2.3:together/Qwen/Qwen3.5-9B
    model,fireworks,llama-v3p2-1b-instruct,chat,USD,,,,,,0.1,,0.1,,,131072,,,true,2026-11-23,litellm 1.109.1:fireworks_ai/accounts/fireworks/models/llama-v3p2-1b-instruct
    model,fireworks,llama-v3p2-3b-instruct,chat,USD,,,,,,0.1,,0.1,,,131072,,,true,2026-11-23,litellm 1.109.1:fireworks_ai/accounts/fireworks/models/llama-v3p2-3b-instruct
    model,fireworks,llama-v3p1-8b-instruct,chat,USD,,,,,,0.2,,0.2,,,131072,,,false,2026-11-23,litellm 1.109.1:fireworks_ai/accounts/fireworks/models/llama-v3p1-8b-instruct; genai-prices 0.2.3:fireworks/llama-v3p1-8b-instruct
    stated,fireworks,llama-v3p1-8b-instruct,,,,,,,,0.1,,0.1,,,131072,,,,,litellm
    stated,fireworks,llama-v3p1-8b-instruct,,,,,,,,0.2,,0.2,,,131000,,,,,genai_prices
    model,fireworks,qwen3-1p7b,chat,USD,,,,,,0.1,,0.1,,,131072,,,true,2026-11-23,litellm 1.109.1:fireworks_ai/accounts/fireworks/models/qwen3-1p7b
    model,fireworks,qwen3-4b,chat,USD,,,,,,0.2,,0.2,,,40960,,,true,2026-11-23,litellm 1.109.1:fireworks_ai/accounts/fireworks/models/qwen3-4b
    model,fireworks,gpt-oss-20b,chat,USD,,,,,,0.07,0.035,0.3,,,131072,,,false,2026-11-23,litellm 1.109.1:fireworks_ai/accounts/fireworks/models/gpt-oss-20b; genai-prices 0.2.3:fireworks/gpt-oss-20b
    model,deepinfra,meta-llama/Llama-3.2-3B-Instruct,chat,USD,,,,,,0.02,,0.02,,,131072,,,true,2026-11-23,litellm 1.109.1:deepinfra/meta-llama/Llama-3.2-3B-Instruct
    model,deepinfra,meta-llama/Meta-Llama-3.1-8B-Instruct,chat,USD,,,,,,0.03,,0.05,,,131072,,,true,2026-11-23,litellm 1.109.1:deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct
    model,deepinfra,meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo,chat,USD,,,,,,0.02,,0.04,,,131072,,,true,2026-11-23,litellm 1.109.1:deepinfra/meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo
    model,deepinfra,Qwen/Qwen2.5-7B-Instruct,chat,USD,,,,,,0.04,,0.1,,,32768,,,true,2026-11-23,litellm 1.109.1:deepinfra/Qwen/Qwen2.5-7B-Instruct
    model,deepinfra,google/gemma-3-4b-it,chat,USD,,,,,,0.05,,0.1,,,131072,,,true,2026-11-23,litellm 1.109.1:deepinfra/google/gemma-3-4b-it
    model,deepinfra,google/gemma-4-E4B-it,chat,USD,,,,,,0.02,,0.1,,,131072,,,true,2026-11-23,litellm 1.109.1:deepinfra/google/gemma-4-E4B-it
    model,deepinfra,openai/gpt-oss-20b,chat,USD,,,,,,0.03,,0.14,,,131072,,,true,2026-11-23,litellm 1.109.1:deepinfra/openai/gpt-oss-20b
    model,cloudflare,@cf/meta/llama-3.2-1b-instruct,chat,USD,,,,,,0.027,,0.201,,,60000,,,false,2026-11-23,litellm 1.109.1:cloudflare/@cf/meta/llama-3.2-1b-instruct; genai-prices 0.2.3:cloudflare/@cf/meta/llama-3.2-1b-instruct
    model,cloudflare,@cf/meta/llama-3.2-3b-instruct,chat,USD,,,,,,0.051,,0.335,,,80000,,,false,2026-11-23,litellm 1.109.1:cloudflare/@cf/meta/llama-3.2-3b-instruct; genai-prices 0.2.3:cloudflare/@cf/meta/llama-3.2-3b-instruct
    stated,cloudflare,@cf/meta/llama-3.2-3b-instruct,,,,,,,,0.0509,,,,,,,,,,litellm
    stated,cloudflare,@cf/meta/llama-3.2-3b-instruct,,,,,,,,0.051,,,,,,,,,,genai_prices
    model,cloudflare,@cf/meta/llama-3.1-8b-instruct-fp8,chat,USD,,,,,,0.152,,0.287,,,32000,,,false,2026-11-23,litellm 1.109.1:cloudflare/@cf/meta/llama-3.1-8b-instruct-fp8; genai-prices 0.2.3:cloudflare/@cf/meta/llama-3.1-8b-instruct-fp8
    model,cloudflare,@cf/ibm-granite/granite-4.0-h-micro,chat,USD,,,,,,0.017,,0.112,,,131000,,,false,2026-11-23,litellm 1.109.1:cloudflare/@cf/ibm-granite/granite-4.0-h-micro; genai-prices 0.2.3:cloudflare/@cf/ibm-granite/granite-4.0-h-micro
    model,novita,meta-llama/llama-3.2-1b-instruct,chat,USD,,,,,,0.02,,0.02,,,131000,,,false,2026-11-23,litellm 1.109.1:novita/meta-llama/llama-3.2-1b-instruct; genai-prices 0.2.3:novita/meta-llama/llama-3.2-1b-instruct
    model,novita,meta-llama/llama-3.2-3b-instruct,chat,USD,,,,,,0.03,,0.05,,,32768,,,false,2026-11-23,litellm 1.109.1:novita/meta-llama/llama-3.2-3b-instruct; genai-prices 0.2.3:novita/meta-llama/llama-3.2-3b-instruct
    model,novita,qwen/qwen3-4b-fp8,chat,USD,,,,,,0.03,,0.03,,,128000,,,true,2026-11-23,litellm 1.109.1:novita/qwen/qwen3-4b-fp8
    model,novita,meta-llama/llama-3.1-8b-instruct,chat,USD,2026-10-18,,,,,0.02,,0.05,,,16384,,,false,2026-11-23,litellm 1.109.1:novita/meta-llama/llama-3.1-8b-instruct; genai-prices 0.2.3:novita/meta-llama/llama-3.1-8b-instruct
    price,novita,meta-llama/llama-3.1-8b-instruct,,,,,,,,0.05,,0.05,,,,,,,,
    model,ovhcloud,Llama-3.1-8B-Instruct,chat,USD,,,,,,0.11,,0.11,,,131000,,,false,2026-11-23,litellm 1.109.1:ovhcloud/Llama-3.1-8B-Instruct; genai-prices 0.2.3:ovhcloud/Llama-3.1-8B-Instruct
    stated,ovhcloud,Llama-3.1-8B-Instruct,,,,,,,,0.1,,0.1,,,131000,,,,,litellm
    stated,ovhcloud,Llama-3.1-8B-Instruct,,,,,,,,0.11,,0.11,,,131072,,,,,genai_prices
    model,nebius,Qwen/Qwen3-4B,chat,USD,,,,,,0.08,,0.24,,,32768,,,true,2026-11-23,litellm 1.109.1:nebius/Qwen/Qwen3-4B
    model,openai,text-embedding-3-small,embedding,USD,,,,,,0.02,,0.0,0.01,,8191,,,false,2026-11-23,litellm 1.109.1:text-embedding-3-small; genai-prices 0.2.3:openai/text-embedding-3-small
    stated,openai,text-embedding-3-small,,,,,,,,,,,,,8191,,,,,litellm
    stated,openai,text-embedding-3-small,,,,,,,,,,,,,8192,,,,,genai_prices
    model,openai,text-embedding-3-large,embedding,USD,,,,,,0.13,,0.0,0.065,,8191,,,false,2026-11-23,litellm 1.109.1:text-embedding-3-large; genai-prices 0.2.3:openai/text-embedding-3-large
    stated,openai,text-embedding-3-large,,,,,,,,,,,,,8191,,,,,litellm
    stated,openai,text-embedding-3-large,,,,,,,,,,,,,8192,,,,,genai_prices
    model,openai,text-embedding-ada-002,embedding,USD,,,,,,0.1,,0.0,0.05,,8191,,,false,2026-11-23,litellm 1.109.1:text-embedding-ada-002-v2; genai-prices 0.2.3:openai/text-embedding-ada-002
    stated,openai,text-embedding-ada-002,,,,,,,,,,,,,8191,,,,,litellm
    stated,openai,text-embedding-ada-002,,,,,,,,,,,,,8192,,,,,genai_prices
    model,google,gemini-embedding-001,embedding,USD,,,,,,0.15,,0.0,0.075,,2048,2028-05-14,,false,2026-11-23,litellm 1.109.1:gemini/gemini-embedding-001; genai-prices 0.2.3:google/gemini-embedding-001
    model,google,gemini-embedding-2,embedding,USD,,,,,,0.2,,0.0,0.1,,8192,,,false,2026-11-23,litellm 1.109.1:gemini/gemini-embedding-2; genai-prices 0.2.3:google/gemini-embedding-2
    model,mistral,mistral-embed,embedding,USD,,,,,,0.1,,0.0,0.05,,8192,,,false,2026-11-23,litellm 1.109.1:mistral/mistral-embed; genai-prices 0.2.3:mistral/mistral-embed
    model,cohere,embed-v4.0,embedding,USD,,,,,,0.12,,0.0,,,128000,,,false,2026-11-23,litellm 1.109.1:cohere/embed-v4.0; genai-prices 0.2.3:cohere/embed-v4.0
    model,voyageai,voyage-4-lite,embedding,USD,,,,,,0.02,,0.0,,,32000,,,false,2026-11-23,litellm 1.109.1:voyage/voyage-4-lite; genai-prices 0.2.3:voyageai/voyage-4-lite
    model,voyageai,voyage-3.5,embedding,USD,,,,,,0.06,,0.0,,,32000,,,false,2026-11-23,litellm 1.109.1:voyage/voyage-3.5; genai-prices 0.2.3:voyageai/voyage-3.5
    model,cloudflare,@cf/baai/bge-m3,embedding,USD,,,,,,0.012,,0.0,,,,,,true,2026-11-23,genai-prices 0.2.3:cloudflare/@cf/baai/bge-m3
    model,cloudflare,@cf/qwen/qwen3-embedding-0.6b,embedding,USD,,,,,,0.012,,0.0,,,,,,true,2026-11-23,genai-prices 0.2.3:cloudflare/@cf/qwen/qwen3-embedding-0.6b
    model,together,BAAI/bge-base-en-v1.5,embedding,USD,,,,,,0.008,,0.0,,,512,,,true,2026-11-23,litellm 1.109.1:together_ai/BAAI/bge-base-en-v1.5

    """#
  }
}
