using DimIlgpu.Model.Training;

namespace DimIlgpu.Cli;

/// <summary>Finds the checkpoint that a path means.</summary>
internal static class CheckpointFile
{
    /// <summary>The file itself, or the newest checkpoint of a run.</summary>
    /// <exception cref="IOException">There is none; the message says what is there instead.</exception>
    public static string Find(string source)
    {
        if (File.Exists(source))
        {
            return source;
        }

        return Directory.Exists(source)
            ? RunFolder.Open(source).LatestCheckpoint ?? throw new FileNotFoundException($"The run {source} holds no checkpoint yet.", source)
            : throw new FileNotFoundException($"There is no checkpoint or run {source}.", source);
    }
}
