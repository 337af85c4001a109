using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using DimIlgpu.Bench.Runner;

// In this process: one of its own for each case would compile every kernel anew.
_ = BenchmarkRunner.Run<OperatorBenchmarks>(
    ManualConfig.Create(DefaultConfig.Instance).AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance)), args);
